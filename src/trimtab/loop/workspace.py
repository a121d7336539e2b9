"""A workspace: one folder with its config, its files and what lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from trimtab.loop.config import Config
from trimtab.loop.yaml_config import load_config
from trimtab.records import UserError
from trimtab.store import Store

CONFIG_NAME = "trimtab.yaml"
STATE_NAME = ".trimtab"
RUNS = "runs"
"""Scratch folders of steps under way."""


@dataclass(frozen=True)
class Workspace:
    """``root`` holds trimtab.yaml; ``state`` (``.trimtab``) holds the store, artefacts and run folders."""

    root: Path
    config: Config

    @property
    def state(self) -> Path:
        return self.root / STATE_NAME

    @cached_property
    def store(self) -> Store:
        return Store.open(self.state)

    def path(self, relative: Path) -> Path:
        """A configured path; it must exist. Raises UserError."""
        path = self.root / relative
        if not path.exists():
            raise UserError(
                "no such file or folder", file=path, fix=f"Named in {CONFIG_NAME}: create it or change the path"
            )
        return path

    def work(self, name: str) -> Path:
        """A scratch folder for one step's run, kept until the step is done."""
        path = self.state / RUNS / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def find_workspace(start: Path, overrides: Sequence[str] = ()) -> Workspace:
    """The workspace at ``start`` or above it. Raises UserError where there is none."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return Workspace(folder, load_config(folder / CONFIG_NAME, overrides))
    raise UserError("no workspace here", file=start / CONFIG_NAME, fix="Run `trimtab init`, or change into a workspace")
