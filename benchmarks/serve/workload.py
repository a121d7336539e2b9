"""The prompts: published ones of ordinary length whose answers are long enough that no stream ends early."""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab.engine import Request, Sampling, generate, open_engine
from trimtab.model import Dialect
from trimtab.records import Message, UserError

Prompt = dict[str, Any]
_SOURCES = (
    "mt_bench/original.jsonl",
    "mt_bench/vicuna_bench.jsonl",
    "arena_hard_v2_prompts/original.jsonl.gz",
    "arena_hard_v2_prompts/original.jsonl",
    "self_instruct/chat_sft.jsonl",
)
_LENGTHS = range(32, 216)  # tokens


@dataclass(frozen=True, slots=True)
class Scale:
    """``rounds`` of each number of streams, after one to warm up; prompts of a round by its streams."""

    rounds: int = 3
    new_tokens: int = 128
    prompts: tuple[tuple[int, int], ...] = ((1, 4), (8, 16), (32, 32))


QUICK = Scale(rounds=1, new_tokens=8, prompts=((1, 1), (8, 8), (32, 32)))


def rounds_of(scale: Scale, prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    """Rounds of ``{streams, prompts}``; no prompt twice, so that no cache knows it. The first warms up."""
    left = iter(prompts)
    plan = [(8, 8), *(each for _ in range(scale.rounds) for each in scale.prompts)]
    return [{"streams": streams, "prompts": [next(left) for _ in range(count)]} for streams, count in plan]


def needed(scale: Scale) -> int:
    """How many prompts the rounds take."""
    return 8 + scale.rounds * sum(count for _, count in scale.prompts)


def long_answers(model: Path, data: Path, scale: Scale) -> list[Prompt]:
    """Prompts whose greedy answer reaches ``new_tokens``. Raises UserError where the data hold too few."""
    dialect = Dialect.of(model)
    candidates = [prompt for text in _texts(data) if (prompt := _prompt(dialect, text)) is not None]
    engine = open_engine("openvino", model)
    found: list[Prompt] = []
    try:
        for start in range(0, len(candidates), 64):
            some = candidates[start : start + 64]
            sampling = Sampling(max_tokens=scale.new_tokens, stop_ids=tuple(dialect.stop_ids))
            answers = generate(engine, [Request(tuple(prompt["ids"]), sampling) for prompt in some])
            found += [prompt for prompt, answer in zip(some, answers, strict=True) if answer.finish == "length"]
            if len(found) >= needed(scale):
                return found[: needed(scale)]
    finally:
        engine.close()
    raise UserError(f"only {len(found)} prompts have long answers", expected=f"{needed(scale)}", file=str(data))


def _prompt(dialect: Dialect, text: str) -> Prompt | None:
    ids = dialect.encode([Message("user", text)], (), reply=True)
    if len(ids) not in _LENGTHS:
        return None
    messages = [{"role": "user", "content": text}]
    return {"messages": messages, "ids": list(ids), "stop_ids": list(dialect.stop_ids)}


def _texts(data: Path) -> Iterator[str]:
    seen: set[str] = set()
    for source in _SOURCES:
        file = data / source
        if not file.is_file():
            continue
        raw = file.read_bytes()
        for line in (gzip.decompress(raw) if file.suffix == ".gz" else raw).splitlines():
            text = _first_words(json.loads(line))
            if text and text not in seen:
                seen.add(text)
                yield text


def _first_words(row: dict[str, Any]) -> str:
    """What the user says first, in whichever of the sources' shapes."""
    if "messages" in row:
        return str(row["messages"][0]["content"])
    said = row.get("turns") or row.get("prompt") or row.get("text") or ""
    return str(said[0] if isinstance(said, list) else said)
