"""Traces of a support assistant, made by running the real tools: what is taught, sealed, and asked by users."""

from trimtab.templates.generator.build import Generated, generate
from trimtab.templates.generator.redteam import redteam_examples
from trimtab.templates.generator.scene import Item
from trimtab.templates.generator.split import Part

__all__ = ["Generated", "Item", "Part", "generate", "redteam_examples"]
