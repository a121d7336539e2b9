"""Exact texts of requests that may need work: encrypted, short-lived, apart from the telemetry.

The key lies beside the database (``capture.key``, readable by its owner only), so the capture is safe in copies and
backups of the database, not from somebody who owns the whole workspace. To forget everything at once, delete the key.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimtab.records import Feedback, Trace, UserError, trace_from_json
from trimtab.store.database import Database, clean, pack
from trimtab.store.secret import make_secret

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_TRACE, _FEEDBACK = "trace", "feedback"


@dataclass(frozen=True, slots=True)
class Captured:
    """What is held of one request: until when, and whether somebody asked to keep it."""

    trace: str
    expires: float
    kept: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """An exact trace to be held under ``id`` until ``expires`` (seconds since the epoch)."""

    id: str
    trace: Trace
    expires: float
    kept: bool = False


class Capture:
    def __init__(self, database: Database, key_file: Path) -> None:
        self._database, self._key_file = database, key_file
        self._secret: bytes | None = None

    def put(self, trace_id: str, trace: Trace, expires: float, *, kept: bool = False) -> None:
        """Hold the exact trace until ``expires`` (seconds since the epoch)."""
        self.put_all([Hold(trace_id, trace, expires, kept)])

    def put_all(self, holds: Iterable[Hold]) -> None:
        """Hold many in one transaction."""
        self._write(
            [self._row(hold.id, hold.id, _TRACE, hold.trace.to_json(), hold.expires, hold.kept) for hold in holds]
        )

    def get(self, trace_id: str) -> Trace | None:
        """The exact trace; None when it was never held or is purged. Raises UserError under another key."""
        rows = self._database.read("SELECT body FROM captures WHERE id = ? AND kind = ?", clean(trace_id), _TRACE)
        return trace_from_json(self._open(rows[0]["body"])) if rows else None

    def put_feedback(self, feedback: Feedback, expires: float) -> None:
        """Hold the exact feedback (an edit is a training target), kept from the start; the first of one id stays."""
        body = feedback.to_json()
        row = self._row(f"{_FEEDBACK}:{feedback.id}", feedback.trace, _FEEDBACK, body, expires, True)
        self._write([row], verb="IGNORE")

    def feedback(self, trace_id: str) -> list[Feedback]:
        """The exact feedback on one trace, in the order in which it came."""
        rows = self._database.read(
            "SELECT body FROM captures WHERE trace = ? AND kind = ? ORDER BY rowid", clean(trace_id), _FEEDBACK
        )
        return [Feedback(**self._open(row["body"])) for row in rows]

    def keep(self, trace_id: str, expires: float) -> bool:
        """Mark a held trace as kept, at least until ``expires``. False when it is not held (any more)."""
        with self._database.write() as connection:
            done = connection.execute(
                "UPDATE captures SET kept = 1, expires = MAX(expires, ?) WHERE id = ? AND kind = ?",
                (expires, clean(trace_id), _TRACE),
            )
            return done.rowcount == 1

    def kept(self) -> list[Captured]:
        """The requests that harvest may read, oldest first."""
        return self._held("AND kept = 1")

    def held(self) -> list[Captured]:
        """Every request of which the exact text is still here, oldest first."""
        return self._held("")

    def purge(self, now: float) -> int:
        """Forget what has expired; returns how many entries."""
        with self._database.write() as connection:
            return connection.execute("DELETE FROM captures WHERE expires <= ?", (now,)).rowcount

    def forget(self, trace_id: str) -> int:
        """Forget one request and all feedback on it now; returns how many entries."""
        with self._database.write() as connection:
            return connection.execute("DELETE FROM captures WHERE trace = ?", (clean(trace_id),)).rowcount

    def pseudonym(self, user: str) -> str:
        """The same short code for the same user in this workspace; the user cannot be read from it. Empty stays so."""
        if not user:
            return ""
        return "u-" + hmac.new(self._key(), user.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:16]

    def _held(self, condition: str) -> list[Captured]:
        rows = self._database.read(
            f"SELECT trace, expires, kept FROM captures WHERE kind = ? {condition} ORDER BY rowid", _TRACE
        )
        return [Captured(row["trace"], row["expires"], bool(row["kept"])) for row in rows]

    def _row(self, id: str, trace: str, kind: str, body: Any, expires: float, kept: bool) -> tuple[Any, ...]:
        return clean(id), clean(trace), kind, expires, kept, self._fernet().encrypt(pack(body).encode())

    def _write(self, rows: Sequence[tuple[Any, ...]], *, verb: str = "REPLACE") -> None:
        with self._database.write() as connection:
            connection.executemany(
                f"INSERT OR {verb} INTO captures (id, trace, kind, expires, kept, body) VALUES (?, ?, ?, ?, ?, ?)", rows
            )

    def _open(self, token: bytes) -> Any:
        from cryptography.fernet import InvalidToken

        try:
            return json.loads(self._fernet().decrypt(token))
        except InvalidToken as error:
            raise UserError("the capture was written with another key", file=self._key_file) from error

    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet  # here: a status command needs no cryptography

        return Fernet(self._key())

    def _key(self) -> bytes:
        if self._secret is None:
            self._secret = make_secret(self._key_file, "capture key")
        return self._secret
