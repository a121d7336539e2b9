"""Rows to curate, and the shared data sets where a machine has them."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Load = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real sets: TRIMTAB_SHARED_DATA, or ``shared/data`` beside some parent of this file."""
    named = os.environ.get("TRIMTAB_SHARED_DATA")
    places = [Path(named)] if named else [parent / "shared" / "data" for parent in Path(__file__).parents]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        pytest.skip("no shared data sets here; set TRIMTAB_SHARED_DATA to try the adapters on real rows")
    return found


@pytest.fixture(scope="session")
def load_set(shared_data: Path) -> Load:
    def load(name: str) -> list[dict[str, Any]]:
        path = shared_data / name
        if not path.is_file():
            pytest.skip(f"the shared data sets have no {name}")
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return [json.loads(line) for line in text.splitlines()]

    return load


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, list[Any]], Path]:
    """Write rows as JSON Lines below the test's folder; a text stands as it is, as a line of its own."""

    def write(name: str, rows: list[Any]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return write
