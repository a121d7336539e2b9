"""The one door to sealed text: the look is in the ledger before a word is handed out."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from trimtab.records import UserError
from trimtab.store.secret import read_secret
from trimtab.store.steering import Ledger

TEXT_KEY = "quarantine key"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks, what for, and when (Unix seconds)."""

    who: str
    purpose: str
    time: float


def open_sealed(path: Path, shard: str, content: str, key_file: Path, ledger: Ledger, visitor: Visitor) -> bytes:
    """The text of the sealed file at ``path``, of the shard called ``shard`` with the digest ``content``.

    Only the suite reader of `evaluate` may call this; a test over the source tree holds everybody to it. Raises
    UserError where the key is missing or another, or the text was changed.
    """
    from cryptography.fernet import Fernet, InvalidToken

    if not path.is_file():
        raise UserError("the sealed text is missing", file=path, fix="Restore the shard's files from a backup")
    key, token = read_secret(key_file, TEXT_KEY), path.read_bytes()
    ledger.look(shard, content, visitor.who, visitor.purpose, visitor.time)
    try:
        text = Fernet(key).decrypt(token)
    except InvalidToken as error:
        raise UserError(
            "sealed with another key, or changed since", file=path, fix=f"Restore it, or the key in {key_file}"
        ) from error
    if hashlib.sha256(text).hexdigest() != content:
        raise UserError("the sealed text is not the one that its index was made of", file=path, fix="Restore both")
    return text
