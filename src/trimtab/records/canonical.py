"""One form for equal content: RFC 8785 JSON and its sha256."""

import hashlib
from pathlib import Path
from typing import Any

import rfc8785

_CHUNK = 1 << 20


def canonical(value: Any) -> bytes:
    """RFC 8785 JSON of ``value`` (integers beyond 2**53 are refused by the standard)."""
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """``sha256`` of the canonical JSON, in hex: two equal things have one id."""
    return hashlib.sha256(canonical(value)).hexdigest()


def file_digest(path: Path) -> str:
    """``sha256`` of a file's bytes, in hex."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def folder_digest(path: Path) -> str:
    """Digest over every file's relative name and bytes below ``path``."""
    names = sorted(file for file in path.rglob("*") if file.is_file())
    return digest({file.relative_to(path).as_posix(): file_digest(file) for file in names})
