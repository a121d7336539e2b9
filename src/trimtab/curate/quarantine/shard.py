"""A sealed shard on disk: the text encrypted, beside it an index of prints, all that a door needs.

``cases.jsonl`` becomes ``cases.jsonl.sealed`` (the text) and ``cases.jsonl.prints`` (one line of JSON for people and
programs, then arrays), both bound to each other by digest and to the workspace by its keys.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from trimtab.curate.quarantine.keyed import Keyed
from trimtab.curate.quarantine.prints import Column, Named, Pairs, Prints
from trimtab.records import UserError, write_bytes

FORMAT = 1
"""Of the index: raised by hand when prints are made in another way."""
SEALED, PRINTS = ".sealed", ".prints"
_COLUMNS = ("exact", "runs", "parts")
_ARRAYS = ("near", "near_owner", "vectors", "vector_owner")


@dataclass(frozen=True, slots=True)
class Header:
    """``content``: sha256 of the cases' file as it was; ``text``: of the encrypted file; ``key``: the prints' key."""

    cases: int
    content: str
    text: str
    key: str
    ngram: int
    shortest: int
    format: int = FORMAT


def sealed_path(path: Path) -> Path:
    """Where the text of the shard called ``path`` lies encrypted."""
    return path.with_name(path.name + SEALED)


def prints_path(path: Path) -> Path:
    """Where its index lies."""
    return path.with_name(path.name + PRINTS)


def is_sealed(path: Path) -> bool:
    """Whether the shard called ``path`` is sealed: its index is there and its plain file is not."""
    return not path.exists() and (prints_path(path).exists() or sealed_path(path).exists())


def write_shard(path: Path, text: bytes, prints: Prints, keyed: Keyed, secret: bytes, runs: tuple[int, int]) -> Header:
    """Seal ``text`` as the shard ``path``: first the text, then the index. ``runs``: the n-gram, and the shortest run.

    A plain file at ``path`` stays; killed in between, the same call does it all again.
    """
    from cryptography.fernet import Fernet

    token = Fernet(secret).encrypt(text)
    header = Header(len(prints.cases), _sha(text), _sha(token), keyed.id, *runs)
    body = _packed(prints)
    row = asdict(header)
    write_bytes(sealed_path(path), token)
    row["mac"] = keyed.seal(_bound(row, body))
    write_bytes(prints_path(path), json.dumps(row, sort_keys=True).encode() + b"\n" + body)
    return header


def read_header(path: Path) -> Header:
    """What the index says of itself, unchecked. Raises UserError where it is missing, broken or of another format."""
    return _split(path)[0]


def read_shard(path: Path, keyed: Keyed) -> tuple[Header, Prints]:
    """The prints of the shard called ``path``, without its text being opened.

    Raises UserError, naming the file, where the index is missing or was changed, is of another key, or the encrypted
    text beside it is missing or was changed.
    """
    header, row, body = _split(path)
    index, text = prints_path(path), sealed_path(path)
    if header.key != keyed.id:
        raise UserError("the index was made with another key", file=index, fix="Restore .trimtab/prints.key")
    if row.get("mac") != keyed.seal(_bound(row, body)):
        raise UserError("the index was changed since it was sealed", file=index, fix="Restore it from a backup")
    if not text.is_file():
        raise UserError("the sealed text is missing", file=text, fix="Restore it from a backup")
    if _sha(text.read_bytes()) != header.text:
        raise UserError("the sealed text was changed since it was sealed", file=text, fix="Restore it from a backup")
    return header, _unpacked(body)


def _split(path: Path) -> tuple[Header, dict[str, Any], bytes]:
    index = prints_path(path)
    if not index.is_file():
        raise UserError("the index of the sealed shard is missing", file=index, fix="Restore it from a backup")
    line, _, body = index.read_bytes().partition(b"\n")
    try:
        row = json.loads(line)
        header = Header(**{one.name: row[one.name] for one in fields(Header)})
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("no index of a sealed shard", file=index, fix="Restore it from a backup") from error
    if header.format != FORMAT:
        raise UserError(
            f"sealed in format {header.format}", file=index, expected=f"format {FORMAT}", fix="Seal it anew"
        )
    return header, row, body


def _bound(row: Mapping[str, Any], body: bytes) -> bytes:
    """What the code covers: every header field but the code itself, and the arrays."""
    return (
        json.dumps({key: value for key, value in row.items() if key != "mac"}, sort_keys=True).encode() + b"\n" + body
    )


def _packed(prints: Prints) -> bytes:
    arrays: dict[str, Any] = {name: getattr(prints, name) for name in _ARRAYS}
    for name in _COLUMNS:
        column: Column = getattr(prints, name)
        arrays |= {f"{name}.values": column.values, f"{name}.owner": column.owner}
    arrays |= {f"pairs.{one.name}": getattr(prints.pairs, one.name) for one in fields(Pairs)}
    names = json.dumps({"cases": [asdict(one) for one in prints.cases], "embedder": prints.embedder}).encode()
    arrays["names"] = np.frombuffer(names, np.uint8)
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _unpacked(body: bytes) -> Prints:
    with np.load(io.BytesIO(body), allow_pickle=False) as found:
        names = json.loads(found["names"].tobytes())
        exact, runs, parts = (Column(found[f"{name}.values"], found[f"{name}.owner"]) for name in _COLUMNS)
        return Prints(
            tuple(Named(**one) for one in names["cases"]),
            exact,
            runs,
            parts,
            near=found["near"],
            near_owner=found["near_owner"],
            pairs=Pairs(**{one.name: found[f"pairs.{one.name}"] for one in fields(Pairs)}),
            vectors=found["vectors"],
            vector_owner=found["vector_owner"],
            embedder=names["embedder"],
        )


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
