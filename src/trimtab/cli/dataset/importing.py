"""An import as a stream: rows go to their file as they come, and the file appears when all of them are there."""

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

from trimtab.curate import Drop, Placed, Tally, refuse_as_target, stream_rows
from trimtab.records import Progress, writing


def import_to(
    source: str, target: Path, form: str | None, skip_bad: bool, dropped: Path | None, progress: Progress
) -> dict[str, Any]:
    """Native rows of ``source`` written to ``target``, and the report. Raises UserError; ``target`` is then as it was.

    ``dropped``: a file for every drop; the report itself holds the first thousand, and counts all.
    """
    refuse_as_target(source, target)
    tally = Tally()
    listed: AbstractContextManager[IO[bytes] | None] = nullcontext() if dropped is None else writing(dropped)
    with writing(target) as file, listed as drops:
        for item in stream_rows(source, form, "skip" if skip_bad else "refuse", progress):
            tally.add(item)
            if isinstance(item, Placed):
                file.write(_line(item.row.to_json()))
            elif isinstance(item, Drop) and drops is not None:
                drops.write(_line(item.to_json()))
    return {**tally.to_json(), "rows": tally.rows, "target": str(target)}


def _line(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()
