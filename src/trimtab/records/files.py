"""JSON Lines in and out: every error with its file and line, every write whole or not at all."""

import gzip
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from trimtab.records.errors import UserError

T = TypeVar("T")


def iter_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """``(line number from 1, parsed value)`` of a .jsonl or .jsonl.gz file, blank lines skipped.

    Raises UserError with file and line on a line that is no JSON or no UTF-8, and on a missing file.
    """
    if not path.is_file():
        raise UserError("no such file", file=path, fix="Check the path, or the working directory")
    with _open(path) as file:
        for number, raw in enumerate(file, start=1):
            if not raw.strip():
                continue
            try:
                yield number, json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError as error:
                raise UserError("not UTF-8", file=path, line=number, fix="Save the file as UTF-8") from error
            except ValueError as error:
                raise UserError(f"not JSON ({error})", file=path, line=number, expected="one object a line") from error


def read_jsonl(path: Path, parse: Callable[[Any], T]) -> list[T]:
    """Every line parsed; a UserError from ``parse`` gets its file and line. Raises on an empty file."""
    rows = []
    for number, value in iter_jsonl(path):
        try:
            rows.append(parse(value))
        except UserError as error:
            raise error.at(file=path, line=number) from error
    if not rows:
        raise UserError("the file has no rows", file=path)
    return rows


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """One JSON object a line, replacing the file atomically; a row at a time is held."""
    with writing(path) as file:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())


def write_json(path: Path, value: Any) -> None:
    """Indented JSON, replacing the file atomically."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` whole: a reader, or a crash, sees the old bytes or the new, never a part."""
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write piece by piece that becomes ``path`` when the block ends well, and leaves nothing when it fails.

    Killed inside the block, ``path`` is as it was. Raises UserError where the disk says no.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise UserError(f"could not be written ({error.strerror})", file=path, fix="Is the disk full?") from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
