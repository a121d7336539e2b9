"""Thin commands over the rooms; `main` is the console script."""

from trimtab.cli.main import main

__all__ = ["main"]
