"""Folders named by what is in them: whole or absent, whatever is killed when."""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trimtab.records import UserError, digest, folder_digest

_CHUNK = 1 << 20
_TEMPORARY = ".tmp-"
_DIGEST = re.compile(r"[0-9a-f]{64}")
# A temporary folder younger than this may belong to a process that has not locked it yet.
_SETTLED_SECONDS = 60.0


class Artefacts:
    """``root/<digest>/`` holds an artefact's files; the digest is ``records.folder_digest`` of that folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot be created ({error.strerror})", file=root) from error
        self._sweep()

    def put(self, source: Path) -> str:
        """Copy a folder, or a single file into a folder of its own; returns the digest. Links are followed."""
        files = _files(source)
        with self._temporary() as folder:
            sums = {name: _copy(path, folder / name) for name, path in files.items()}
            return self._settle(folder, digest(sums))

    def adopt(self, source: Path) -> str:
        """Like ``put``, but the folder is moved: nothing is left at ``source``."""
        files = _files(source)
        if source.is_file() or any(path.is_symlink() for path in source.rglob("*")) or not self._same_disk(source):
            known = self.put(source)
            shutil.rmtree(source) if source.is_dir() else source.unlink()
            return known
        for path in files.values():
            _sync(path)
        return self._settle(source, folder_digest(source))

    def path(self, digest: str) -> Path:
        """The artefact's folder. Raises UserError when there is none."""
        if not self.has(digest):
            raise UserError(f"no artefact {digest[:12]!r}", file=self.root, fix="It may have been removed by gc")
        return self.root / digest

    def has(self, digest: str) -> bool:
        return bool(_DIGEST.fullmatch(digest)) and (self.root / digest).is_dir()

    def digests(self) -> list[str]:
        return sorted(entry.name for entry in self.root.iterdir() if _DIGEST.fullmatch(entry.name))

    def verify(self, digest: str) -> bool:
        """Whether the files are still what the name says."""
        return folder_digest(self.path(digest)) == digest

    def remove(self, digest: str) -> None:
        """Gone at once for every reader, then deleted. Nothing happens when it is absent."""
        if not self.has(digest):
            return
        with self._temporary() as folder:
            try:
                (self.root / digest).rename(folder / digest)
            except FileNotFoundError:
                return
            _sync(self.root)

    def _settle(self, folder: Path, known: str) -> str:
        """Make the folder durable, then give it its name: the rename is the instant at which it exists."""
        for path in (folder, *(entry for entry in folder.rglob("*") if entry.is_dir())):
            _sync(path)
        target = self.root / known
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise UserError(f"cannot be stored ({error.strerror})", file=target) from error
            shutil.rmtree(folder)
        _sync(self.root)
        return known

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """A folder beside the artefacts, locked while its owner lives, removed unless it was renamed away."""
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.root))
        folder.chmod(0o755)
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
        except OSError as error:
            raise UserError(
                f"could not be stored ({error.strerror})", file=self.root, fix="Is the disk full?"
            ) from error
        finally:
            os.close(lock)
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what a killed process left: temporary folders that nobody holds a lock on."""
        for folder in self.root.glob(f"{_TEMPORARY}*"):
            try:
                if time.time() - folder.stat().st_mtime < _SETTLED_SECONDS:
                    continue
                lock = os.open(folder, os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                pass
            finally:
                os.close(lock)

    def _same_disk(self, source: Path) -> bool:
        return source.stat().st_dev == self.root.stat().st_dev


def _files(source: Path) -> dict[str, Path]:
    """Relative name → file, as ``folder_digest`` sees them. Raises UserError when there is nothing to store."""
    if source.is_file():
        return {source.name: source}
    files = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()}
    if not files:
        raise UserError("nothing to store: no such file, or an empty folder", file=source)
    return files


def _copy(source: Path, target: Path) -> str:
    """Copy, make durable and hash in one pass, so that the digest is of the bytes that were written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sha = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            sha.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return sha.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
