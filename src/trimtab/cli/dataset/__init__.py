"""What the data commands do, apart from reading their options."""
