"""Trimtab: the open-source control loop for post-training."""

__version__ = "0.1.0"
