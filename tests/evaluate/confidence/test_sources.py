"""Each source of confidence reads what it says it reads, and says nothing where there is nothing to read."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from trimtab.engine import TorchEngine
from trimtab.evaluate import SOURCES, EvaluateConfig, Instrument, Transcript, confidences
from trimtab.evaluate.batteries.choices import choice_case
from trimtab.evaluate.confidence.answer_tokens import answer_spans, logprobs_of
from trimtab.evaluate.confidence.stated import stated_confidence
from trimtab.evaluate.config import SourceName
from trimtab.evaluate.probes import was_right
from trimtab.model import Dialect, tiny_random_model
from trimtab.records import Ask, Case, Expected, Message, UserError

QUESTION = {"question": "What is red?", "choices": ["grass", "blood", "milk"], "answer_index": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def dialect(folder: Path) -> Dialect:
    return Dialect.of(folder)


def said(build: Any, dialect: Dialect, text: str, logprob: Any = None) -> Transcript:
    """An answer in its own tokens; ``logprob`` of the place of a token (all -0.1 where not given)."""
    prompt = dialect.encode([Message("user", "q")], reply=True)
    ids = dialect.encode([Message("user", "q"), Message("assistant", text)])[len(prompt) :]
    values = tuple((logprob or (lambda i: -0.1))(i) for i in range(len(ids)))
    outcome: Transcript = build.transcript(text, token_ids=tuple(ids), logprobs=values)
    return outcome


class Scripted:
    """Log-probs by what a completion says; notes the prompts and completions it was asked."""

    def __init__(self, dialect: Dialect, sums: dict[str, float]) -> None:
        self.dialect, self.sums = dialect, sums
        self.prompts: list[str] = []

    def __call__(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[float]]:
        self.prompts += [self.dialect.decode(list(prompt)) for prompt, _ in pairs]
        return [[self.sums[self.dialect.decode(list(completion))]] for _, completion in pairs]


def test_choice_is_the_softmax_over_the_letters_and_right_by_the_likeliest(dialect: Dialect) -> None:
    case = choice_case(QUESTION)
    score = Scripted(dialect, {"A": math.log(0.1), "B": math.log(0.3), "C": math.log(0.1)})
    found = confidences(["choice"], [case], {case.id: Transcript(None, "x")}, Instrument(dialect, score))
    assert found["choice"][case.id].confidence == pytest.approx(0.6)
    assert found["choice"][case.id].correct
    assert "B. blood" in score.prompts[0]


def test_choice_equals_scoring_each_whole_letter_by_the_engine_alone(folder: Path, dialect: Dialect) -> None:
    case, engine = choice_case(QUESTION), TorchEngine(folder)
    try:
        found = confidences(["choice"], [case], {case.id: Transcript(None)}, Instrument(dialect, engine.score_many))
        prompt = dialect.encode(case.messages, reply=True)
        weights = []
        for letter in "ABC":
            whole = dialect.encode([*case.messages, Message("assistant", letter)])
            letters = whole[len(prompt) : len(whole) - len(_ending(dialect, case))]
            weights.append(math.exp(sum(engine.score(prompt, letters))))
    finally:
        engine.close()
    assert found["choice"][case.id].confidence == pytest.approx(max(weights) / sum(weights), abs=1e-5)


def _ending(dialect: Dialect, case: Case) -> list[int]:
    """The tokens of the end of turn: what two unlike answers end in."""
    a, b = (dialect.encode([*case.messages, Message("assistant", text)]) for text in "AB")
    same = [x for x, y in zip(reversed(a), reversed(b), strict=False) if x == y]
    return same[: next(i for i, (x, y) in enumerate(zip(reversed(a), reversed(b), strict=False)) if x != y)]


def test_p_true_shows_the_answer_and_weighs_true_against_false(build: Any, dialect: Dialect) -> None:
    case = build.case(question="How long is the guarantee?")
    score = Scripted(dialect, {"True": math.log(0.2), "False": math.log(0.6)})
    transcripts = {case.id: said(build, dialect, "Seven years.")}
    found = confidences(["p_true"], [case], transcripts, Instrument(dialect, score))["p_true"][case.id]
    assert found.confidence == pytest.approx(0.25)
    assert "Proposed answer: Seven years." in score.prompts[0]
    assert "How long is the guarantee?" in score.prompts[0]


def test_answer_tokens_are_the_numbers_own(build: Any, dialect: Dialect) -> None:
    case = Case((Message("user", "2+2?"),), Expected("answer", check={"kind": "number", "value": "4"}))
    text = "Let me see. The answer is 4."
    transcript = said(build, dialect, text)
    outcome = transcript.outcome
    assert outcome is not None
    pieces = [dialect.token_bytes(token).decode() for token in outcome.token_ids]
    four = next(i for i in range(len(pieces)) if "4" in pieces[i])
    transcript = said(build, dialect, text, lambda i: math.log(0.5) if i == four else -9.0)
    found = confidences(["answer_tokens"], [case], {case.id: transcript}, Instrument(dialect))
    assert found["answer_tokens"][case.id].confidence == pytest.approx(0.5)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30), st.data())
def test_alignment_finds_every_token_that_overlaps_a_span_and_no_other(
    build: Any, dialect: Dialect, text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    transcript = said(build, dialect, text.strip() or "x", lambda i: -float(i))
    outcome = transcript.outcome
    assert outcome is not None
    found = logprobs_of(outcome, [(start, min(end, len(outcome.raw_answer)))], dialect)
    plain, place = [], 0
    joined = b"".join(dialect.token_bytes(token) for token in outcome.token_ids)
    begin = joined.rfind(outcome.raw_answer.encode())
    wanted = {
        begin + i
        for i in range(len(outcome.raw_answer[:start].encode()), len(outcome.raw_answer[:end].encode()))
        if begin >= 0
    }
    for token, logprob in zip(outcome.token_ids, outcome.logprobs, strict=True):
        own = range(place, place + len(dialect.token_bytes(token)))
        plain += [logprob] if wanted & set(own) else []
        place = own.stop
    assert found == plain


def test_the_span_is_what_was_said_right_or_wrong() -> None:
    number = Case((Message("user", "?"),), Expected("answer", check={"kind": "number", "value": "4"}))
    assert [("The answer is 17, not 3.")[a:b] for a, b in answer_spans(number, "The answer is 17, not 3.")] == ["17"]
    option = choice_case(QUESTION)
    assert [("(C) milk")[a:b] for a, b in answer_spans(option, "(C) milk")] == ["C"]
    plain = Case((Message("user", "?"),), Expected("answer"))
    text = "The stove from Osprey weighs 540 grams [osp-1]."
    assert {text[a:b] for a, b in answer_spans(plain, text)} == {"Osprey", "540", "osp-1"}


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("It is red. I am 85% sure.", 0.85),
        ("Confidence: 0.7", 0.7),
        ("My confidence level is about 60 percent.", 0.6),
        ("Certainty 7/10", 0.7),
        ("I am 90 % certain; no, 40 % certain.", 0.4),
        ("It is probably red.", 0.75),
        ("It is almost certainly not red.", 0.07),
        ("It will almost certainly rain.", 0.93),
        ("Highly unlikely.", 0.07),
        ("Sales rose by 20% in May.", None),
        ("I am 250% sure.", None),
        ("Red.", None),
    ],
)
def test_stated_confidence_is_the_number_or_the_word(text: str, confidence: float | None) -> None:
    assert stated_confidence(text) == confidence


@settings(deadline=None)
@given(st.text(max_size=80))
def test_whatever_is_said_a_stated_confidence_is_a_probability(text: str) -> None:
    found = stated_confidence(text)
    assert found is None or 0 <= found <= 1


def test_what_is_right_asks_the_check_too(build: Any) -> None:
    case = Case((Message("user", "2+2?"),), Expected("answer", check={"kind": "number", "value": "4"}), ask=Ask())
    assert was_right(case, build.transcript("It is 4.")) is True
    assert was_right(case, build.transcript("It is 5.")) is False
    assert was_right(case, Transcript(None, "x")) is None


def test_the_config_takes_every_source_and_no_other() -> None:
    assert get_args(SourceName) == tuple(SOURCES)
    with pytest.raises(ValidationError, match="confidence"):
        EvaluateConfig.model_validate({"confidence": ["gut"]})


def test_a_source_without_its_instrument_says_nothing_and_an_unknown_one_is_named(build: Any) -> None:
    case = build.case()
    found = confidences(list(SOURCES), [case], {case.id: build.transcript("Probably red.")})
    assert {name for name, sure in found.items() if sure} == {"sequence", "stated"}
    with pytest.raises(UserError, match="unknown source 'gut'"):
        confidences(["gut"], [], {})
