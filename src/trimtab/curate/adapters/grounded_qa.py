"""Questions with passages: a search, its result, and an answer that quotes and cites, or says what is missing."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from trimtab.curate.adapters.base import AdapterOptions, JsonRow, meta, text_field
from trimtab.curate.adapters.passages import Passage, Support, contains, cut, find_support, read_passages
from trimtab.curate.hashing import pick
from trimtab.records import Case, Example, Expected, Message, ToolCall, ToolSchema, UserError, messages_from_json

SEARCH_TOOL: ToolSchema = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the documents. Returns passages with their ids.",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What to look for."}},
            "required": ["query"],
        },
    },
}


@dataclass(frozen=True, slots=True)
class GroundedQa:
    """``{"question", "passages", "answers", "answerable", "messages"?, "meta": {"gold"?}}``.

    Answerable: the shortest passage sentence that holds an answer, word for word, with its citation. Unanswerable:
    one of the missing-evidence texts, action defer. A case already holds the search and its result; it carries no
    tools, for the product's own are offered.
    """

    options: AdapterOptions
    name: ClassVar[str] = "grounded_qa"
    skipped: ClassVar[str] = "no passage sentence holds an answer"

    def example(self, row: JsonRow) -> Example | None:
        read = _read(row, self.options.passage_words)
        if read is None:
            return None
        if read.support:
            answer = f"{read.support.sentence} [{read.support.passage}]"
        else:
            answer = pick(self.options.texts.missing, "missing", read.question)
        return Example(
            messages=(*read.messages, Message("assistant", answer)),
            tools=self.options.tools or (SEARCH_TOOL,),
            labels={"action": "answer" if read.support else "defer", **read.labels},
        )

    def case(self, row: JsonRow) -> Case | None:
        read = _read(row, self.options.passage_words)
        if read is None:
            return None
        if read.support is None:
            return Case(read.messages, Expected(action="defer"), labels=read.labels)
        expected = Expected(action="answer", citations=read.citations, facts=(read.support.answer,))
        return Case(read.messages, expected, labels=read.labels)


@dataclass(frozen=True, slots=True)
class _Read:
    question: str
    messages: tuple[Message, ...]
    support: Support | None
    citations: tuple[str, ...]
    labels: dict[str, Any]


def _read(row: JsonRow, limit: int) -> _Read | None:
    """The conversation up to the search result, and what supports an answer; None where nothing does but should."""
    question = text_field(row, "question")
    answerable, answers = row.get("answerable", bool(row.get("answers"))), _answers(row)
    if not isinstance(answerable, bool):
        raise UserError("answerable must be true or false", field="answerable")
    gold = [str(name) for name in meta(row).get("gold") or ()]
    passages = read_passages(row.get("passages"), question)
    support = find_support(passages, answers, gold) if answerable else None
    if answerable and support is None:
        return None
    shown = tuple(cut(one, limit, _centre(one, support, answers), question) for one in passages)
    domain = meta(row).get("domain") or meta(row).get("source")
    return _Read(
        question=question,
        messages=_searched(row, question, shown),
        support=support,
        citations=_citations(shown, support, gold),
        labels={"kind": "grounded_qa", **({"domain": str(domain)} if domain else {})},
    )


def _answers(row: JsonRow) -> list[str]:
    answers = row.get("answers") or []
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise UserError("answers must be a list of texts", field="answers")
    return answers


def _centre(passage: Passage, support: Support | None, answers: list[str]) -> str | None:
    """The sentence to keep: the supporting one, or one that also holds an answer (a second gold passage)."""
    if support and passage.id == support.passage:
        return support.sentence
    holding = [sentence for sentence in passage.sentences if any(contains(sentence, answer) for answer in answers)]
    return min(holding, key=len, default=None)


def _citations(shown: tuple[Passage, ...], support: Support | None, gold: list[str]) -> tuple[str, ...]:
    """Ids that an answer may cite: passages that, as cut, still hold the answer (gold ones where those are known)."""
    if support is None:
        return ()
    holds = [one for one in shown if any(contains(sentence, support.answer) for sentence in one.sentences)]
    return tuple(one.id for one in holds if not gold or one.origin in gold)


def _searched(row: JsonRow, question: str, shown: tuple[Passage, ...]) -> tuple[Message, ...]:
    asked = messages_from_json(row["messages"]) if row.get("messages") else (Message("user", question),)
    if asked[-1].role != "user":
        raise UserError("the conversation must end with the question", field=f"messages[{len(asked) - 1}].role")
    result = json.dumps([passage.to_json() for passage in shown], ensure_ascii=False)
    call = ToolCall("search", {"query": question}, id="call_1")
    return (
        *asked,
        Message("assistant", tool_calls=(call,)),
        Message("tool", result, tool_call_id="call_1", name="search"),
    )
