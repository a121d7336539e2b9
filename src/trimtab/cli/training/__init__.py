"""What `trimtab train` is made of: inputs, the run itself, its estimate and its closing table."""
