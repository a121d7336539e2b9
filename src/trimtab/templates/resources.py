"""A workspace's files as they are packaged: relative path to bytes."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from trimtab.records import UserError, write_bytes

WORKSPACES = ("support",)


def workspace_files(name: str = "support") -> dict[str, bytes]:
    """Every file of a workspace by its relative POSIX path, sorted. Raises UserError on an unknown name."""
    if name not in WORKSPACES:
        raise UserError(f"no workspace template {name!r}", field="template", expected=" | ".join(WORKSPACES))
    return dict(sorted(_walk(files("trimtab.templates") / name, "")))


def write_workspace(folder: Path, name: str = "support") -> list[Path]:
    """The template's files below ``folder``. Raises UserError where one of them is there already."""
    contents: Mapping[str, bytes] = workspace_files(name)
    for path in contents:
        if (folder / path).exists():
            raise UserError("the file is there already", file=folder / path, fix="Choose an empty folder")
    for path, data in contents.items():
        write_bytes(folder / path, data)
    return [folder / path for path in contents]


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif not entry.name.endswith((".py", ".pyc")):
            yield prefix + entry.name, entry.read_bytes()
