"""A workspace with a real store and sink, and no model: backlogs are about what people said."""

from pathlib import Path

import pytest

from tests.loop.backlog.shop import Shop
from tests.loop.conftest import write_tiny
from trimtab.loop.workspace import find_workspace


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(find_workspace(write_tiny(tmp_path / "shop", tmp_path / "no-model")))
