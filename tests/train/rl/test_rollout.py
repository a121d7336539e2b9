"""Prompts come from rows, and rollouts go to disk and back to the last bit."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.records import Example, Message, ToolCall, UserError
from trimtab.train.rl.rollout import Prompt, Rolled, RolledGroup, RolloutFiles, prompt_of, token_group, with_logp

ASK, SAY = Message("user", "Two and two?"), Message("assistant", "4")


def rolled(tokens: tuple[int, ...] = (5, 6), **changes: object) -> Rolled:
    fields: dict[str, object] = {
        "finish": "stop",
        "text": "a\u2028b",
        "reward": 0.1,
        "parts": {"x": 1.0},
        "engine_logp": (-0.5,) * len(tokens),
    }
    return Rolled(tokens, **{**fields, **changes})  # type: ignore[arg-type]


def test_a_prompt_is_what_stands_before_the_last_assistant_turn() -> None:
    call = Message("assistant", tool_calls=(ToolCall("calculator", {"expression": "2+2"}),))
    prompt = prompt_of(Example((ASK, SAY, ASK, call, Message("tool", "4")), labels={"answer": 4}))
    assert prompt.messages == (ASK, SAY, ASK)
    calls = [{"name": "calculator", "arguments": {"expression": "2+2"}}]
    assert prompt.facts == {"calls": calls, "content": "", "answer": 4}
    with pytest.raises(UserError, match="nothing stands before"):
        prompt_of(Example((SAY,)))


def test_other_facts_make_another_prompt() -> None:
    assert Prompt((ASK,), facts={"answer": 4}).id != Prompt((ASK,), facts={"answer": 5}).id
    assert Prompt((ASK,)).id == Prompt((ASK,)).id


@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5),
    text=st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_rollouts_come_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], text: str
) -> None:
    files = RolloutFiles(tmp_path_factory.mktemp("rollouts"))
    some = rolled(tuple(range(len(values))), engine_logp=tuple(values), reference_logp=tuple(values), text=text)
    groups = [RolledGroup(3, "id", (some, rolled(token_reward=(0.0, -1.0))))]
    files.write(0, "run", "key", groups)
    assert files.read(0, "run", "key") == groups
    assert files.read(0, "run") == groups
    assert files.read(0, "run", "other") is None
    assert files.read(0, "other") is None
    assert files.read(1, "run") is None


def test_a_reader_finds_texts_and_rewards(tmp_path: Path) -> None:
    RolloutFiles(tmp_path).write(7, "run", "key", [RolledGroup(0, "id", (rolled(),))])
    lines = gzip.decompress((tmp_path / "step-00000007.jsonl.gz").read_bytes()).decode().split("\n")
    row = json.loads(lines[1])
    assert (row["completions"][0]["text"], row["completions"][0]["reward"]) == ("a\u2028b", 0.1)


def test_completions_become_sequences_that_score_every_sampled_token() -> None:
    group = RolledGroup(0, "id", (rolled((5, 6)), rolled((7,), policy_logp=(-0.1,))))
    first, second = token_group(group, (1, 2, 3), most=1.2)
    assert first.ids_L.tolist() == [1, 2, 3, 5, 6]
    assert first.scored_N.tolist() == [3, 4]
    assert first.weight_L[3:].tolist() == [1, 1]
    assert second.weight_L[3:].tolist() == pytest.approx([1.2])
    assert second.behaviour_N is not None
    assert second.behaviour_N.tolist() == [-0.1]
    assert first.example_id != second.example_id
    free = token_group(group, (1, 2, 3), most=9.0)[1]
    assert free.weight_L[3:].tolist() == pytest.approx([float(np.exp(0.4))])


def test_log_probs_join_in_order() -> None:
    groups = [RolledGroup(0, "a", (rolled(), rolled())), RolledGroup(1, "b", (rolled(),))]
    joined = with_logp(groups, "reference_logp", [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert [c.reference_logp for g in joined for c in g.completions] == [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]
