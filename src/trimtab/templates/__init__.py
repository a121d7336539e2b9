"""The workspaces that `init` and `demo` start from, with the generator of their traces and their simulated users."""

from trimtab.templates.generator import Generated, Item, Part, generate, redteam_examples
from trimtab.templates.resources import workspace_files, write_workspace
from trimtab.templates.users import judge, react

__all__ = [
    "Generated",
    "Item",
    "Part",
    "generate",
    "judge",
    "react",
    "redteam_examples",
    "workspace_files",
    "write_workspace",
]
