"""Rows out: every row of a source written in one format to one file, whole or not at all."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trimtab.curate.exporting.containers import Put, container_for
from trimtab.curate.exporting.writers import write_row
from trimtab.curate.importing import stream_rows
from trimtab.curate.place import Drop, Placed
from trimtab.curate.reading import refuse_as_target
from trimtab.records import Progress, UserError

_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Loss:
    """What the format could not take of the row at ``file:line``; ``whole``: it could not take the row at all."""

    what: str
    file: str
    line: int
    whole: bool

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass
class Exported:
    """``read`` rows, of which ``written`` were written; losses counted by what was lost, and the first of them."""

    read: int = 0
    written: int = 0
    by_loss: Counter[str] = field(default_factory=Counter)
    losses: list[Loss] = field(default_factory=list)

    def note(self, loss: Loss) -> None:
        self.by_loss[loss.what] += 1
        if len(self.losses) < _SHOWN:
            self.losses.append(loss)

    def to_json(self) -> dict[str, Any]:
        rows = [loss.to_json() for loss in self.losses]
        return {"read": self.read, "written": self.written, "lost": {"by_kind": dict(self.by_loss), "rows": rows}}


def export_rows(
    source: str,
    target: Path,
    form: str = "native",
    *,
    lossy: bool = False,
    source_format: str | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Every row of ``source`` (in ``source_format``, or the one told) written to ``target`` in the format ``form``.

    Raises UserError with the row's file and line where the format cannot hold something of it; with ``lossy`` that is
    listed instead, and the rest of the row is written.
    """
    refuse_as_target(source, target)
    done = Exported()
    with container_for(target, form) as put:
        for placed in _rows(source, source_format, progress):
            done.read += 1
            done.written += _one(placed, form, put, done, lossy)
    return done


def _rows(source: str, form: str | None, progress: Progress | None) -> Iterator[Placed]:
    for item in stream_rows(source, form, "refuse", progress, as_they_are=True):
        assert not isinstance(item, Drop)
        if isinstance(item, Placed):
            yield item


def _one(placed: Placed, form: str, put: Put, done: Exported, lossy: bool) -> int:
    written = write_row(placed.row, form)
    lost = list(written.lost)
    kept = None if written.row is None else put(written.row, lost)
    for what in lost:
        if not lossy:
            raise UserError(
                f"{form} cannot hold this row whole: {what}",
                file=placed.file,
                line=placed.line,
                fix="Choose another format, or add --lossy to write the rest and list what is lost",
            )
        done.note(Loss(what, placed.file, placed.line, kept is None))
    return kept is not None
