"""`demo`: the loop once around, on a real model, with simulated users and a sabotaged release."""

from trimtab.cli.demo.command import demo

__all__ = ["demo"]
