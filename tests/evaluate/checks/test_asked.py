"""A code case asked as it will be: samples through the plan, scored inside the running loop, in one scorecard."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from trimtab.evaluate import evaluate, make_battery, make_suite
from trimtab.records import Message
from trimtab.tools import Assistant


@dataclass(frozen=True)
class Said:
    message: Message
    text: str = ""
    finish: str = "stop"
    prompt_tokens: int = 1
    token_ids: tuple[int, ...] = (1,)
    logprobs: tuple[float, ...] = (-0.1,)
    malformed: bool = False
    error: str = ""


def test_right_and_wrong_samples_become_pass_at_1_and_pass_at_5() -> None:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed (the sandbox extra)")
    cases = make_battery("code", 2, 0)
    known = {case.messages[0].content: case.expected.check["reference"] for case in cases}
    turns = itertools.count()

    async def reply(messages: Sequence[Message], *rest: Any, **more: Any) -> Said:
        asked = next(message.content for message in messages if message.role == "user")
        right = next(turns) % 5 == 0  # one sample in five
        return Said(Message("assistant", f"```python\n{known[asked]}\n```" if right else "I do not know."))

    card = asyncio.run(evaluate(Assistant(reply), make_suite(cases), release="r", vocab_size=9, now=0.0))
    found = {name: card.metrics[name].value for name in ("code_pass_at_1", "code_pass_at_5", "code_syntax_error")}
    assert found["code_pass_at_1"] == pytest.approx(0.2)
    assert found["code_syntax_error"] == pytest.approx(0.8)
    assert 0.2 < found["code_pass_at_5"] <= 1
    assert card.metrics["code_syntax_error"].direction == "lower"
    assert card.slices["battery=code"]["code_pass_at_1"].n == 2
