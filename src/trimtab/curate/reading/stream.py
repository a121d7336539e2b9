"""A file's bytes, unpacked on the way, counted for a progress bar, and never all in memory."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from trimtab.records import Progress, UserError

_CHUNK = 1 << 18


class _Counted(io.RawIOBase):
    """A file that tells ``progress`` of each kibibyte that was taken from it."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file, self._progress, self._rest = file, progress, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        whole, self._rest = divmod(self._rest + len(data), 1024)
        if whole:
            self._progress.advance(whole)
        return len(data)


@contextmanager
def opened(path: Path, name: str, progress: Progress) -> Iterator[IO[bytes]]:
    """The file's bytes as a stream, gunzipped where its name says so. Raises UserError where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            progress.start(f"Reading {Path(name).name} (KiB)", path.stat().st_size >> 10)
            counted = io.BufferedReader(_Counted(file, progress), _CHUNK)
            if path.suffix.lower() == ".gz":
                with gzip.open(counted, "rb") as unpacked:
                    yield unpacked  # type: ignore[misc]  # a GzipFile reads as any binary file does
            else:
                yield counted
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"could not be read ({error})", file=name) from error
