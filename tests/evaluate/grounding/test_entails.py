"""Any judge of entailment takes the place of our own test; asked once, and unscored where it cannot say."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluate.grounding.test_alce import PASSAGES, WORKED, _sentence

from trimtab.evaluate import EvaluateConfig, Lexical, Pair, evaluate, make_suite, score_suite
from trimtab.evaluate.grounding import (
    EntailmentConfig,
    Kept,
    Sources,
    citing,
    citing_by,
    entailed_scores,
    entails_of,
    ungrounded_by,
)
from trimtab.records import Message, ToolCall, UserError
from trimtab.store import Store


class Scripted:
    """Says what it is told, and counts what it is asked."""

    name = "scripted"

    def __init__(self, say: float | None) -> None:
        self.say: float | None = say
        self.asked: list[Pair] = []

    def __call__(self, pairs: Sequence[Pair]) -> list[float | None]:
        self.asked += pairs
        return [self.say for _ in pairs]


@pytest.mark.parametrize("answer", [row[1] for row in WORKED])
def test_our_own_test_as_a_judge_gives_our_own_scores(answer: str) -> None:
    assert citing_by(Lexical(), answer, PASSAGES) == citing(answer, PASSAGES)


@given(st.lists(_sentence, min_size=1, max_size=3))
def test_every_question_is_asked_in_one_batch_and_no_other_is_needed(said: list[str]) -> None:
    answer, judge = " ".join(said), Scripted(1.0)
    score = citing_by(judge, answer, PASSAGES)
    assert score is not None
    assert len(judge.asked) == len(set(judge.asked))
    assert score.precision == (1.0 if score.cited else 0.0)


def test_what_a_judge_cannot_say_is_unscored_not_zero() -> None:
    answer = "The lamp weighs 300 grams [a]."
    assert citing_by(Scripted(None), answer, PASSAGES) is None
    assert citing_by(Scripted(7.0), answer, PASSAGES) is None  # no probability
    assert ungrounded_by(Scripted(None), answer, Sources("The lamp weighs 300 grams.", "")) is None
    assert ungrounded_by(Scripted(0.2), answer, Sources("The lamp weighs 300 grams.", "")) == 1


def test_a_judge_that_answers_too_few_could_not_say() -> None:
    class Short(Scripted):
        def __call__(self, pairs: Sequence[Pair]) -> list[float | None]:
            return [1.0]

    assert citing_by(Short(1.0), "The lamp weighs 300 grams [a][c].", PASSAGES) is None


def test_answers_are_kept_and_what_was_not_said_is_asked_again(tmp_path: Path) -> None:
    pairs = [Pair("a", "b"), Pair("c", "d"), Pair("a", "b")]
    with Store.open(tmp_path / "s") as store:
        judge = Scripted(None)
        assert Kept(judge, store)(pairs) == [None, None, None]
        judge.say = 0.75
        assert Kept(judge, store)(pairs) == [0.75, 0.75, 0.75]
        judge.say = 0.0
        assert Kept(judge, store)(pairs) == [0.75, 0.75, 0.75]
        assert len(judge.asked) == 4  # two pairs, asked twice


def test_a_judges_metrics_stand_beside_ours_with_what_it_could_not_score(build: Any) -> None:
    good = "Every stove carries a seven-year guarantee [war-1]."
    cases = [build.case(question=f"q{i}", calls=(build.search,), citations=("war-1",)) for i in range(4)]
    transcripts = {case.id: build.transcript(good, build.search) for case in cases}

    class Moody(Scripted):
        def __call__(self, pairs: Sequence[Pair]) -> list[float | None]:
            self.asked += pairs
            return [None if len(self.asked) == 1 else 1.0 for _ in pairs]

    found = entailed_scores({case.id: case for case in cases}, transcripts, Moody(1.0))
    card = score_suite(
        make_suite(cases),
        transcripts,
        release="r",
        vocab_size=50,
        config=EvaluateConfig(bootstrap_draws=10),
        judged=found,
    )
    metric = card.metrics["citation_precision_entailed"]
    assert (metric.value, metric.n, metric.unscored) == (1.0, 3, 1)
    assert card.metrics["ungrounded_share_entailed"].direction == "lower"
    assert card.metrics["citation_precision"].unscored == 0


def test_an_evaluation_with_a_judge_named_asks_it(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.evaluate.run.entails_of", lambda config, store, root: Lexical())
    named = EntailmentConfig(endpoint="http://judge.test/v1", model="m")
    search = Message("assistant", tool_calls=(ToolCall("search", {"query": "guarantee"}),))
    answer = Message("assistant", "Every stove carries a seven-year guarantee [war-1].")
    suite = make_suite(
        [build.case(question="q0", citations=("war-1",)), build.case("decline", "q1", labels={"suite": "redteam"})]
    )

    def metrics(entailment: EntailmentConfig | None) -> set[str]:
        model = build.model({"q0": [search, answer], "q1": [answer]})
        config = EvaluateConfig(bootstrap_draws=10, entailment=entailment)
        card = asyncio.run(evaluate(build.assistant(model), suite, config, release="r", vocab_size=300, now=0.0))
        return {name for name in card.metrics if name.endswith("_entailed")}

    assert metrics(named) == {"citation_precision_entailed", "citation_recall_entailed", "ungrounded_share_entailed"}
    assert metrics(None) == set()


def test_a_judge_is_named_in_one_way() -> None:
    with pytest.raises(ValueError, match="either an endpoint with its model, or a folder"):
        EntailmentConfig(endpoint="http://localhost/v1")
    with pytest.raises(ValueError, match="either an endpoint with its model, or a folder"):
        EntailmentConfig()
    with pytest.raises(UserError, match=r"no model in .*workspace/judge"):
        entails_of(EntailmentConfig(folder="judge"), root=Path("/no/workspace"))
    assert (
        entails_of(EntailmentConfig(endpoint="http://localhost/v1/", model="m")).name
        == "endpoint:http://localhost/v1:m"
    )
