"""Rows of the published sets as Trimtab's nouns, split by a digest so that a task is always on one side."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trimtab.curate import AdapterOptions, adapter_named
from trimtab.records import Case, Comparison, Example, comparison_from_json, digest


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The raw rows of ``name`` (such as ``gsm8k/tool_sft``), in the order of their digests: shuffled, once for all."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    yield from sorted(found, key=lambda row: digest(row))


def tool_examples(folder: Path, name: str, split: str) -> list[Example]:
    """Tool conversations of one split of a set."""
    adapter = adapter_named("tool_sft", AdapterOptions())
    found = (adapter.example(row) for row in rows(folder, name) if row["meta"].get("split", split) == split)
    return [example for example in found if example is not None]


def grounded(
    folder: Path, name: str = "nq_open_oracle/grounded_qa", passage_words: int = 60
) -> tuple[list[Example], list[Case]]:
    """Questions with passages: rows to teach and cases to judge, in halves that share no question."""
    adapter = adapter_named("grounded_qa", AdapterOptions(passage_words=passage_words))
    found = [row for row in rows(folder, name) if adapter.example(row) is not None]
    middle = len(found) // 2
    examples = [adapter.example(row) for row in found[:middle]]
    cases = [adapter.case(row) for row in found[middle:]]
    return [one for one in examples if one is not None], [one for one in cases if one is not None]


def comparisons(folder: Path, name: str) -> list[Comparison]:
    """Preference pairs, without their foreign fields."""
    kept = ("prompt", "chosen", "rejected", "tools")
    return [comparison_from_json({key: row[key] for key in kept if key in row}) for row in rows(folder, name)]
