"""Key files, made once and readable by their owner alone, and what is locked with them."""

import hashlib
import hmac
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimtab.records import UserError
from trimtab.store.database import pack

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Secret:
    """The key is made on first use; ``what`` names in messages what it locks."""

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what
        self._key: bytes | None = None
        self._cipher: Fernet | None = None

    def lock(self, value: Any) -> bytes:
        """JSON, encrypted and authenticated (Fernet: AES-128-CBC with HMAC-SHA256)."""
        return self._fernet().encrypt(pack(value).encode())

    def unlock(self, token: bytes) -> Any:
        """What ``lock`` was given. Raises UserError under another key."""
        from cryptography.fernet import InvalidToken

        try:
            return json.loads(self._fernet().decrypt(token))
        except InvalidToken as error:
            raise UserError(f"the {self._what} was written with another key", file=self._path) from error

    def digest(self, text: str) -> str:
        """The same 64 hex digits for the same text under this key; nobody without the key can try texts out."""
        return hmac.new(self._load(), text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet  # here: a status command needs no cryptography

        if self._cipher is None:
            self._cipher = Fernet(self._load())
        return self._cipher

    def _load(self) -> bytes:
        if self._key is None:
            self._key = make_secret(self._path, f"{self._what} key")
        return self._key


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
