"""The packaged workspace, its real tools, every part generated once, and what the tests hold rows against."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from trimtab.records import Message, ToolCall, digest
from trimtab.templates import Generated, generate, write_workspace
from trimtab.templates.generator.split import PARTS, Part
from trimtab.text import citations, ngrams, numbers, sentences, strip_citations, words
from trimtab.tools import Rehearsal, ToolContext, load_tools

Call = Callable[[str, dict[str, Any]], str]


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("support")
    write_workspace(folder)
    return folder


@pytest.fixture(scope="session")
def make_call(workspace: Path) -> Callable[[], Call]:
    """A fresh toolbox's tools as the generator takes them; equal refunds are one effect."""

    def make() -> Call:
        toolbox = load_tools(workspace / "tools" / "tools.yaml", Rehearsal())

        def call(name: str, arguments: dict[str, Any]) -> str:
            context = ToolContext(idempotency=digest([name, arguments]))
            return toolbox.run(ToolCall(name, arguments), context).content

        return call

    return make


@pytest.fixture(scope="session")
def parts(make_call: Callable[[], Call]) -> dict[Part, Generated]:
    return {part: generate(make_call(), seed=0, part=part) for part in PARTS}


@pytest.fixture(scope="session")
def trace_faults() -> Callable[[Sequence[Message], Call], list[str]]:
    return _trace_faults


@pytest.fixture(scope="session")
def shared_run() -> Callable[[Iterable[str], Iterable[str]], str | None]:
    return _shared_run


def _trace_faults(messages: Sequence[Message], call: Callable[[str, dict[str, Any]], str]) -> list[str]:
    """Where a trace differs from what the real tools return, or says what they did not."""
    faults = []
    for turn, following in pairwise(messages):
        for asked in turn.tool_calls:
            if following.role != "tool" or following.tool_call_id != asked.id or following.name != asked.name:
                faults.append(f"{asked.name} is not followed by its result")
            elif call(asked.name, dict(asked.arguments)) != following.content:
                faults.append(f"{asked.name} returns something else")
    known = [turn.content for turn in messages if turn.role in ("user", "tool")]
    for turn in messages:
        if turn.role == "assistant":
            faults += _citation_faults(turn.content, known)
            strange = numbers(strip_citations(turn.content)) - {n for text in known for n in numbers(text)}
            faults += [f"the number {number} comes from nowhere" for number in strange - {"2", "5"}]
    return faults


def _citation_faults(answer: str, known: Sequence[str]) -> list[str]:
    """Cited ids that no search returned, and sentences that their passage does not hold."""
    passages = {row["id"]: row["text"] for text in known if text.startswith("[{") for row in json.loads(text)}
    faults = []
    for sentence in sentences(answer):
        for name in citations(sentence):
            bare = strip_citations(sentence).strip().rstrip(".")
            if name not in passages:
                faults.append(f"{name} was never found")
            elif bare not in passages[name] and not re.search(r" come to \$[\d.]+$", bare):
                faults.append(f"{name} does not say: {bare}")
    return faults


def _shared_run(texts: Iterable[str], sealed: Iterable[str], length: int = 8, shortest: int = 3) -> str | None:
    """A run of ``length`` words, or a whole shorter sealed turn, that both sides hold."""
    known: dict[int, set[Any]] = {}
    for text in texts:
        for n in range(shortest, length + 1):
            known.setdefault(n, set()).update(ngrams(words(text), n))
    for text in sealed:
        n = min(length, len(words(text)))
        if n >= shortest and (common := ngrams(words(text), n) & known.get(n, set())):
            return str(next(iter(common)))
    return None
