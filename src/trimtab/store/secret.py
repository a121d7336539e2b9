"""Key files: made once, readable by their owner alone, never made anew where something was locked with the old one."""

import os
import tempfile
from pathlib import Path

from trimtab.records import UserError


def make_secret(path: Path, name: str) -> bytes:
    """The key in ``path`` (a Fernet key, 44 bytes), made on first use. Raises UserError where the file holds no key.

    Linking a whole file into place lets two processes race safely: one key wins.
    """
    from cryptography.fernet import Fernet  # here: a status command needs no cryptography

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
        finally:
            Path(temporary).unlink(missing_ok=True)
    return read_secret(path, name)


def read_secret(path: Path, name: str) -> bytes:
    """The key in ``path``. Raises UserError where there is none: without it, what it locked stays locked."""
    from cryptography.fernet import Fernet

    if not path.is_file():
        raise UserError(f"the {name} is missing", file=path, fix="Restore it from a backup; no other key will do")
    key = path.read_bytes().strip()
    try:
        Fernet(key)
    except ValueError as error:
        raise UserError(f"no {name}", file=path, fix="Restore it from a backup") from error
    return key
