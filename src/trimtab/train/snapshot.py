"""Parameters of a run as they were after some step, kept on disk whole: what a run steps back to."""

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trimtab.records import UserError


class Snapshots:
    """The newest snapshot of one run. ``identity`` names the run; others' are removed and never read.

    Only parameters that are trained are kept.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._own = f"{identity[:16]}-"

    def keep(self, step: int, model: torch.nn.Module) -> None:
        """Writes the parameters as they are after ``step`` steps, durably, then removes older ones.

        Raises UserError where the disk does not take it; the older ones then stand.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        final = self._folder / f"{self._own}{step:08d}.safetensors"
        fresh = final.with_name(f".{final.name}")
        try:
            save_file({name: p.detach().contiguous() for name, p in _trained(model)}, fresh)
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
        except (OSError, SafetensorError) as error:
            fresh.unlink(missing_ok=True)
            raise UserError(
                f"the snapshot could not be written ({error})", file=self._folder, fix="Is the disk full?"
            ) from error
        fresh.replace(final)
        for path in self._folder.iterdir():
            if not path.name.startswith(self._own) or path.name < final.name:
                path.unlink()

    def restore(self, step: int, model: torch.nn.Module) -> int:
        """Puts the newest snapshot of at most ``step`` steps in place; returns its steps."""
        known = {int(path.stem.removeprefix(self._own)): path for path in self._folder.glob(f"{self._own}*")}
        found = max((kept for kept in known if kept <= step), default=None)
        assert found is not None, "a run that may step back keeps a snapshot before its first step"
        tensors = load_file(known[found])
        with torch.no_grad():
            for name, parameter in _trained(model):
                parameter.copy_(tensors[name])
        return found


def _trained(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
