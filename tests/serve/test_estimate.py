"""What a request may cost: more text costs more, a completion is bounded by everything that bounds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine.core import Sampling
from trimtab.records import Message, ToolCall
from trimtab.serve.admission.deadline import HEADER, timeout_of
from trimtab.serve.errors import ApiError
from trimtab.serve.estimate import completion_tokens, prompt_tokens, request_tokens
from trimtab.tools import Assistant, Limits, Tool, Toolbox, make_schema

_WEATHER = make_schema("weather", "Weather.", {"type": "object", "properties": {"city": {"type": "string"}}})


async def _reply(*args: object, **fields: object) -> object:
    raise AssertionError("nothing is generated to tell a cost")


def _assistant(toolbox: Toolbox | None = None, system: str = "", **limits: int) -> Assistant:
    return Assistant(_reply, toolbox or Toolbox(), limits=Limits(**limits), system=system)  # type: ignore[arg-type]


@given(st.text(max_size=200), st.text(max_size=50))
def test_more_text_never_costs_less_and_every_message_costs_something(text: str, more: str) -> None:
    short, long = prompt_tokens([Message("user", text)]), prompt_tokens([Message("user", text + more)])
    assert 0 < short <= long
    assert prompt_tokens([Message("user", text), Message("user", more)]) > short
    assert long <= len((text + more).encode("utf-8", "replace")) + 5, "no more than a token a byte"


def test_calls_schemas_and_the_releases_own_system_prompt_count() -> None:
    plain = prompt_tokens([Message("assistant", "")])
    assert prompt_tokens([Message("assistant", "", tool_calls=(ToolCall("weather", {"city": "Oslo"}),))]) > plain
    assert prompt_tokens([Message("assistant", "")], [_WEATHER]) > plain + 20
    asked = [Message("user", "hi")]
    bare, _ = request_tokens(_assistant(), asked, (), Sampling())
    spoken, _ = request_tokens(_assistant(system="Be kind. " * 100), asked, (), Sampling())
    own, _ = request_tokens(_assistant(system="Be kind. " * 100), [Message("system", "x"), *asked], (), Sampling())
    assert spoken > bare + 200
    assert own < bare + 10, "a conversation with its own system prompt does not get the release's"


def test_a_completion_is_bounded_by_its_reply_its_plan_and_the_context() -> None:
    toolbox = Toolbox([Tool(_WEATHER, lambda arguments, context: "")])
    asked = Sampling(max_tokens=100)
    assert completion_tokens(_assistant(), asked, client_tools=False) == 100
    assert completion_tokens(_assistant(toolbox, steps=3), asked, client_tools=False) == 300
    assert completion_tokens(_assistant(toolbox, steps=9), asked, client_tools=False) == 384
    assert completion_tokens(_assistant(toolbox), asked, client_tools=True) == 100
    prompt, completion = request_tokens(_assistant(), [Message("user", "hi " * 100)], None, asked, context=150)
    assert prompt + completion == 150
    assert request_tokens(_assistant(), [Message("user", "hi " * 500)], None, asked, context=150)[1] == 1


@pytest.mark.parametrize("text", ["", "0", "-5", "1.5", "1e3", "abc", "٣", "9" * 13, "0x10"])
def test_a_timeout_that_is_none_is_a_400_that_names_the_header(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        timeout_of({HEADER: text}, 60.0)
    assert (caught.value.status, caught.value.param) == (400, HEADER)


def test_a_client_may_shorten_its_deadline_and_not_lengthen_it() -> None:
    assert timeout_of({}, 60.0) == 60.0
    assert timeout_of({HEADER: " 1500 "}, 60.0) == 1.5
    assert timeout_of({HEADER: "999999999"}, 60.0) == 60.0


@given(st.lists(st.text(max_size=20), max_size=3, unique=True))
def test_a_toolbox_counts_as_much_as_the_same_schemas_brought_along(names: list[str]) -> None:
    toolbox = Toolbox([Tool(make_schema(name, "Grüße.", {"type": "object"}), lambda *_: "") for name in names])
    assistant, asked = _assistant(toolbox), [Message("user", "hi")]
    own, _ = request_tokens(assistant, asked, None, Sampling())
    brought, _ = request_tokens(assistant, asked, toolbox.schemas, Sampling())
    assert own == brought
