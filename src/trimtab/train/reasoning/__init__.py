"""Reasoning in what is taught: kept, stripped, or decided by measuring both."""
