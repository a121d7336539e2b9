"""One evaluation from assistant to scorecard, which goes on where it was killed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from trimtab.evaluate import EvaluateConfig, evaluate, make_suite
from trimtab.records import Message, ToolCall
from trimtab.store import Store

SEARCH = Message("assistant", tool_calls=(ToolCall("search", {"query": "guarantee length"}),))
ANSWER = Message("assistant", "Every stove carries a seven-year guarantee [war-1].")


class Killed(BaseException):
    pass


def test_an_evaluation_goes_on_where_it_was_killed(build: Any, tmp_path: Path) -> None:
    cases = [build.case(question=f"q{i}", calls=(build.search,), citations=("war-1",)) for i in range(6)]
    model = build.model({f"q{i}": [SEARCH, ANSWER] for i in range(6)})
    suite, config = make_suite(cases), EvaluateConfig(concurrency=1, bootstrap_draws=10)

    def run(store: Store) -> Any:
        return asyncio.run(
            evaluate(
                build.assistant(model), suite, config, release="r", vocab_size=300, now=0.0, store=store,
                drift=lambda transcripts: dict.fromkeys(transcripts, 0.5),
            )
        )  # fmt: skip

    with Store.open(tmp_path / "s") as store:
        model.script["q3"] = [SEARCH, Killed()]
        with pytest.raises(Killed):
            run(store)
        asked = len(model.asked)
        model.script["q3"] = [SEARCH, ANSWER]
        card = run(store)
        again = len(model.asked) - asked
        assert 2 * 3 <= again <= 2 * 4  # q3, q4 and q5; of the first three one may have been on its way to the disk
        assert (card.metrics["tool_routing_accuracy"].value, card.metrics["citation_recall"].value) == (1, 1)
        assert card.metrics["kl_to_base"].value == 0.5
        assert run(store) == card
        assert len(model.asked) == asked + again
