"""Rows to clean, and a stage run on one of them."""

from collections.abc import Callable
from typing import Any

import pytest

from trimtab.curate import Placed
from trimtab.curate.cleaning import CleaningConfig, clean_stage
from trimtab.curate.stage import Staged
from trimtab.records import Example, Message, Role, Row

Clean = Callable[..., Staged]


@pytest.fixture
def clean() -> Clean:
    """The stage on rows from lines 1, 2, … of one file, with settings as ``trimtab.yaml`` writes them."""

    def run(*rows: Row, tools: tuple[Any, ...] = (), **settings: Any) -> Staged:
        placed = [Placed(row, "set", "set.jsonl", i) for i, row in enumerate(rows, start=1)]
        return clean_stage(placed, CleaningConfig.model_validate(settings), tools)

    return run


@pytest.fixture
def chat() -> Callable[..., Example]:
    """An example of turns written as ``role: text`` in turn, user first, or as messages."""

    def make(*turns: str | Message, **fields: Any) -> Example:
        roles: tuple[Role, Role] = ("user", "assistant")
        made = (turn if isinstance(turn, Message) else Message(roles[i % 2], turn) for i, turn in enumerate(turns))
        return Example(tuple(made), **{"labels": {"action": "answer"}, **fields})

    return make
