"""What holds a run near where it began: refreshes, moving references, monitors that stop or step back."""
