"""One SQLite file that many threads and processes share: migrations, transactions, plain reads."""

import json
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from trimtab.records import UserError

_BUSY_SECONDS = 30.0
_NUMBERED = re.compile(r"(\d{3})_\w+\.sql")


class Database:
    """A connection behind a lock: SQLite serialises writers anyway, and each statement here is short.

    Write-ahead log (readers never wait for a writer of another process), ``synchronous=FULL`` (what was committed
    survives a power cut), ``secure_delete`` (what was purged is overwritten).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = _connect(path)
        try:
            self._migrate()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise _readable(error, path) from error
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of one SELECT. Raises UserError when the file is damaged or locked for too long."""
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise _readable(error, self.path) from error

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it lasts or none. The write lock is taken at once, so what it reads stays true."""
        with self._lock:
            assert not self._connection.in_transaction, "transactions do not nest"
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.IntegrityError:
                self._roll_back()
                raise
            except sqlite3.DatabaseError as error:
                self._roll_back()
                raise _readable(error, self.path) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _migrate(self) -> None:
        """Bring the tables up to this version, in one transaction: two processes may open a new folder at once."""
        scripts = migrations()
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == len(scripts):
            return
        with self.write() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(scripts):
                raise UserError(
                    f"workspace from a newer version (tables {version}, this Trimtab knows {len(scripts)})",
                    file=self.path,
                    fix="Update Trimtab",
                )
            for script in scripts[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(scripts)}")


def migrations() -> list[str]:
    """The SQL of every migration in order; numbers must be 001, 002, … without a gap."""
    folder = resources.files("trimtab.store") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if _NUMBERED.fullmatch(entry.name))
    assert [int(name[:3]) for name in names] == list(range(1, len(names) + 1)), f"migrations skip a number: {names}"
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def pack(value: Any) -> str:
    """JSON for a column: ASCII, so that a lone surrogate in somebody's text cannot fail the write."""
    return json.dumps(value if not isinstance(value, Mapping) else dict(value))


def clean(text: str) -> str:
    """Text that SQLite can hold: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.DatabaseError) as error:
        raise UserError(f"cannot be opened ({error})", file=path, fix="Check the folder and its permissions") from error
    connection.row_factory = sqlite3.Row
    try:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _readable(error, path) from error
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the log on. SQLite does not wait for a lock in this one statement, so the wait is here."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _statements(script: str) -> Iterator[str]:
    """The script's statements; ``executescript`` would commit between them."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    assert not pending.strip(), "a migration ends in the middle of a statement"


def _readable(error: sqlite3.DatabaseError, path: Path) -> Exception:
    """What a person can mend as a UserError, our own mistakes (bad SQL) as they are."""
    text = str(error)
    for sign, fix in (
        ("not a database", "Move it away and start again, or restore a backup"),
        ("malformed", "The file is damaged: restore a backup"),
        ("full", "Free some disk space"),
        ("locked", "Another process holds the workspace: end it and try again"),
        ("readonly", "Check the folder's permissions"),
        ("disk I/O", "Check the disk"),
    ):
        if sign in text:
            return UserError(f"the store failed ({text})", file=path, fix=fix)
    return error
