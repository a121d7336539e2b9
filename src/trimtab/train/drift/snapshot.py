"""Parameters of a run as they were after some step, kept on disk whole: what a run steps back to."""

import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError

from trimtab.records import UserError
from trimtab.train.checkpoint import trained
from trimtab.train.processes.pieces import Pieces, local, write_pieces
from trimtab.train.processes.sharding import wait
from trimtab.train.processes.world import world


class Snapshots:
    """The newest snapshot of one run. ``identity`` names the run; others' are removed and never read.

    Only parameters that are trained are kept. Of several processes each writes and reads what it holds.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._own = f"snapshot-{identity[:16]}-"

    def keep(self, step: int, model: torch.nn.Module) -> None:
        """Writes the parameters as they are after ``step`` steps, then removes older ones.

        Raises UserError where the disk does not take it; the older ones then stand.
        """
        here, final = world(), self._folder / f"{self._own}{step:08d}"
        fresh = final.with_name(f".{final.name}")
        if here.leads:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
        wait(here)
        try:
            write_pieces(fresh, dict(trained(model)), here)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise UserError(
                f"the snapshot could not be written ({error})", file=self._folder, fix="Is the disk full?"
            ) from error
        wait(here)
        if here.leads:
            shutil.rmtree(final, ignore_errors=True)
            fresh.rename(final)
            self._prune(final)
        wait(here)

    def restore(self, step: int, model: torch.nn.Module) -> int:
        """Puts the newest snapshot of at most ``step`` steps in place; returns its steps."""
        known = {int(path.name.removeprefix(self._own)): path for path in self._folder.glob(f"{self._own}*")}
        found = max((kept for kept in known if kept <= step), default=None)
        assert found is not None, "a run that may step back keeps a snapshot before its first step"
        with Pieces(known[found]) as pieces, torch.no_grad():
            for name, parameter in trained(model):
                local(parameter).copy_(local(pieces.like(name, parameter)))
        return found

    def _prune(self, newest: Path) -> None:
        for path in self._folder.glob("*snapshot-*"):
            if not path.name.startswith(self._own) or path.name < newest.name:
                shutil.rmtree(path, ignore_errors=True)
