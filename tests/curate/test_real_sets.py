"""The adapters on real sets: what they cover, that every row holds, and that a split of them is clean."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimtab.curate import (
    AdapterOptions,
    CurateConfig,
    DedupeConfig,
    Placed,
    Quarantine,
    SourceConfig,
    adapter_named,
    curate,
    dedupe,
    describe,
    import_cases,
    import_sources,
)
from trimtab.records import Example, Message, case_from_json, example_from_json
from trimtab.text import citations, strip_citations

Load = Callable[[str], list[dict[str, Any]]]
OPTIONS = AdapterOptions()
SETS = [
    ("grounded_qa", "nq_open_oracle/grounded_qa_multi.jsonl.gz", {"answer": 0.6, "defer": 0.3}),
    ("tool_routing", "when2call/tool_routing.jsonl.gz", {"call_tool": 0.25, "clarify": 0.25, "defer": 0.25}),
    ("tool_routing", "sgd/tool_routing.jsonl.gz", {"call_tool": 0.8, "clarify": 0.1}),
    ("refusal", "xstest/refusal.jsonl", {"decline": 0.4}),
    ("tool_sft", "gsm8k/tool_sft.jsonl.gz", {"answer": 0.99}),
    ("tool_sft", "sgd/tool_sft.jsonl.gz", {"answer": 0.9}),
]


@pytest.mark.parametrize(("name", "file", "least"), SETS)
def test_a_real_set_becomes_rows_of_every_action_it_is_for(
    load_set: Load, name: str, file: str, least: dict[str, float]
) -> None:
    rows, adapter = load_set(file)[:400], adapter_named(name, OPTIONS)
    examples = [example for row in rows if (example := adapter.example(row)) is not None]
    cases = [case for row in rows if (case := adapter.case(row)) is not None]
    actions = Counter(example.labels["action"] for example in examples)
    assert all(actions[action] >= share * len(rows) for action, share in least.items()), actions
    assert len(cases) >= 0.95 * len(rows)
    for example in examples[:50]:
        again = example_from_json(json.loads(json.dumps(example.to_json())))
        assert again.id == example.id
    for case in cases[:50]:
        assert case_from_json(json.loads(json.dumps(case.to_json()))).id == case.id


def test_every_grounded_answer_stands_word_for_word_in_the_passage_it_cites(load_set: Load) -> None:
    adapter = adapter_named("grounded_qa", OPTIONS)
    for row in load_set("nq_open_oracle/grounded_qa_multi.jsonl.gz")[:300]:
        example, case = adapter.example(row), adapter.case(row)
        if example is None or case is None or example.labels["action"] != "answer":
            continue
        answer = example.messages[-1].content
        (cited,) = citations(answer)
        text = {passage["id"]: passage["text"] for passage in json.loads(example.messages[2].content)}[cited]
        assert strip_citations(answer) in text
        assert cited in case.expected.citations
        assert case.expected.facts[0].lower() in answer.lower()


def test_the_formats_of_real_files_are_told(shared_data: Path) -> None:
    for file, name in [
        ("gsm8k/tool_sft.jsonl.gz", "messages"),
        ("hh_harmless/preference.jsonl.gz", "preference"),
        ("kto_mix_demo/unpaired_feedback.jsonl.gz", "unpaired"),
        ("llms_from_scratch_sft/original.jsonl.gz", "alpaca"),
        ("nq_open_oracle/grounded_qa_multi.jsonl.gz", "grounded_qa"),
        ("when2call/tool_routing.jsonl.gz", "tool_routing"),
        ("xstest/refusal.jsonl", "refusal"),
    ]:
        if (shared_data / file).is_file():
            assert describe(shared_data / file)[0].name == name


def test_real_pairs_are_read_and_their_shortcuts_measured(shared_data: Path) -> None:
    config = CurateConfig(sources=(SourceConfig(path="hh_harmless/preference.jsonl.gz", limit=300),), on_error="skip")
    done = curate(import_sources(config, shared_data), config, Quarantine())
    assert len(done.comparisons) > 250
    assert done.report.findings["preferences"]["shortcuts"]["features"]["length"]["more_wins"]["n"] > 200


def test_a_split_of_a_real_set_is_clean_and_a_leak_into_it_is_caught(shared_data: Path) -> None:
    source = SourceConfig(path="xstest/refusal.jsonl", split="train")
    config = CurateConfig(sources=(source,))
    sealed = Quarantine()
    cases = import_cases(config, shared_data)
    for case in cases:
        sealed.add(case)
    clean = curate(import_sources(config, shared_data), config, sealed)
    leaked = [Placed(Example((*case.messages, Message("assistant", "Yes."))), "leak") for case in cases]
    assert all(sealed.check(placed.row) is not None for placed in leaked)
    assert all(sealed.check(example) is None for example in clean.examples)
    assert len(clean.examples) > 60


def test_number_changed_twins_are_kept_apart_in_training_and_caught_by_the_quarantine(load_set: Load) -> None:
    pairs = load_set("neardup_pairs/gsm8k_number_changed.jsonl.gz")[:150]
    rows = [[Example((Message("user", pair[side]), Message("assistant", "x"))) for pair in pairs] for side in "ab"]
    kept, _ = dedupe([Placed(row, "s") for side in rows for row in side], DedupeConfig())
    assert len(kept) >= 0.98 * 2 * len(pairs)
    sealed = Quarantine()
    for row in rows[0]:
        sealed.add(row)
    caught = sum(sealed.check(row) is not None for row in rows[1])
    assert caught >= 0.97 * len(pairs)


def test_a_gzipped_set_and_its_plain_text_give_the_same_rows(shared_data: Path, tmp_path: Path) -> None:
    packed = shared_data / "when2call" / "preference.jsonl.gz"
    if not packed.is_file():
        pytest.skip("the shared data sets have no when2call")
    (tmp_path / "plain.jsonl").write_bytes(gzip.decompress(packed.read_bytes()))
    (tmp_path / "packed.jsonl.gz").write_bytes(packed.read_bytes())
    found = [
        [placed.row.id for placed in import_sources(CurateConfig(sources=(SourceConfig(path=name),)), tmp_path).rows]
        for name in ("plain.jsonl", "packed.jsonl.gz")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 489
