"""Citation-required decoding: whatever the weights, every sentence cites a given id, or the answer is a decline."""

import asyncio
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.engine import Chat, Engine, Sampling, Unsupported
from trimtab.engine.citing import citation_form, citing_regex
from trimtab.engine.constraint import Constraint
from trimtab.engine.ebnf import ebnf_of
from trimtab.model import Dialect
from trimtab.records import Message, ToolSchema
from trimtab.text import citations, sentences

ASK = [Message("user", "How long is the warranty?")]
IDS = ["war-1", "war-2#3", "https://shop.example/a_b"]
DECLINES = ["I do not know.", "Please ask  a person!"]
TOOL: ToolSchema = {
    "type": "function",
    "function": {"name": "look", "description": "", "parameters": {"type": "object", "properties": {}}},
}


def faults(text: str, ids: list[str], declines: list[str]) -> list[str]:
    """The plain checker: what is wrong with a whole answer, by the words that guards and metrics judge with."""
    if text in [" ".join(decline.split()) for decline in declines]:
        return []
    wrong = [f"cites {name}" for name in citations(text) if name not in ids]
    found = sentences(text)
    wrong += [f"no citation ends {part!r}" for part in found if not re.search(r"\[[^\[\]]+\][.!?]?$", part)]
    return wrong + ([] if found else ["says nothing"])


def prefix_faults(text: str, ids: list[str], declines: list[str]) -> list[str]:
    """What is wrong with what a reader has seen so far: a bracket, or a sentence that is over."""
    if any(" ".join(decline.split()).startswith(text) for decline in declines):
        return []
    text = re.sub(r"\s*\[[^\]]*$", "", text)  # a citation that is being written
    wrong = [f"cites {name}" for name in citations(text) if name not in ids]
    return wrong + [f"{part!r} cites nothing" for part in sentences(text)[:-1] if not citations(part)]


def test_the_checker_sees_what_is_wrong() -> None:
    assert faults("One. [war-1] Two. [war-2#3]", IDS, DECLINES) == []
    good = "It is 2.5 years [war-1]. Parts too [war-2#3] [war-1]!\nSee shop [https://shop.example/a_b]."
    assert faults(good, IDS, DECLINES) == []
    assert faults("I do not know.", IDS, DECLINES) == []
    for bad in ("It is two years.", "It is [war-9].", "One. Two [war-1].", "One [war-1]. Two", "", "One. [war-1]Two."):
        assert faults(bad, IDS, DECLINES), bad
    assert prefix_faults("One. Two", IDS, DECLINES)
    assert not prefix_faults("One [war-1]. Tw", IDS, DECLINES)


def test_the_expression_takes_good_answers_and_no_others() -> None:
    pattern = re.compile(citing_regex(citation_form(IDS, DECLINES).text))
    for good in (
        "It is 2.5 years [war-1].",
        "Yes [war-1][war-2#3]! “No” – said Müller [war-1].\n- A point [https://shop.example/a_b].",
        "It is 2.5 years. [war-1] Parts too! [war-2#3][war-1]",
        "I do not know.",
        "Please ask a person!",
    ):
        assert pattern.fullmatch(good), good
        assert not faults(good, IDS, DECLINES)
    for bad in (
        "It is.",
        "It [war-9].",
        "One. Two [war-1].",
        "I do not know. It [war-1].",
        "[war-1].",
        " It [war-1].",
        "",
    ):
        assert not pattern.fullmatch(bad), bad


_ALPHABET = "ab 1.!?[]-\n…。\"')"


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*_ALPHABET, " [x]", "[y]", ". ", "].", "A"]), max_size=14).map("".join))
def test_no_text_that_the_expression_takes_fails_the_checker(text: str) -> None:
    if re.fullmatch(citing_regex(citation_form(["x", "y"]).text), text):
        assert faults(text, ["x", "y"], []) == []
    begun = f"A fact [x]. {text} [y]."
    if re.fullmatch(citing_regex(citation_form(["x", "y"]).text), begun):
        assert faults(begun, ["x", "y"], []) == []


@pytest.mark.parametrize("declines", [[], DECLINES])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), ids=st.lists(st.sampled_from(IDS), min_size=1, unique=True), tools=st.booleans())
def test_random_weights_cite_in_every_sentence_streamed_or_whole(
    engine: Engine, dialect: Dialect, declines: list[str], seed: int, ids: list[str], tools: bool
) -> None:
    heard: list[str] = []
    sampling = Sampling(120, 1.0, seed=seed, form=citation_form(ids, declines, most=12))
    reply = asyncio.run(Chat(engine, dialect).reply(ASK, (TOOL,) if tools else (), sampling, heard.append))
    assert reply.finish in ("stop", "length"), reply.error
    if reply.message.tool_calls or (tools and "".join(heard) == ""):
        return
    text = ""
    for piece in heard:
        text += piece
        assert prefix_faults(text, ids, declines) == []
    assert text == reply.message.content
    if reply.finish == "stop":
        assert faults(text, ids, declines) == []


def test_random_weights_come_to_an_end_and_without_the_form_they_cite_nothing(engine: Engine, dialect: Dialect) -> None:
    chat = Chat(engine, dialect)

    async def say(seeds: int, tokens: int, **fields: Any) -> Any:
        samplings = [Sampling(tokens, 1.0, seed=seed, **fields) for seed in range(seeds)]
        return await asyncio.gather(*(chat.reply(ASK, (), sampling) for sampling in samplings))

    held = asyncio.run(say(6, 300, form=citation_form(IDS, most=12)))
    ended = [reply for reply in held if reply.finish == "stop"]
    assert ended, "the bound on a sentence brings it to its citation"
    assert all(faults(reply.text, IDS, []) == [] for reply in ended)
    assert all(faults(reply.text, IDS, []) for reply in asyncio.run(say(2, 60))), (
        "the checker fails where nothing is held"
    )


def test_an_engine_without_the_form_refuses_it(dialect: Dialect) -> None:
    from dataclasses import replace

    from trimtab.engine.core import Caps
    from trimtab.engine.demand import check

    constraint = Constraint(citation_form(IDS))
    with pytest.raises(Unsupported, match="cannot constrain citations"):
        check(replace(Caps("plain"), constrains=frozenset({"json_schema"})), constraint, Sampling())
    assert "cited" in ebnf_of(constraint)
