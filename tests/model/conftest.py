"""Small models that the tests of this room share."""

from pathlib import Path

import pytest

from trimtab.model import Dialect, tiny_random_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def dialect(tiny: Path) -> Dialect:
    return Dialect.of(tiny)
