"""What a call form spells is what the dialect reads back as that call, in our template and in a native one."""

import json
from pathlib import Path

import pytest

from trimtab.model import Dialect, load_tokenizer, tiny_random_model
from trimtab.model.call_forms import call_texts
from trimtab.records import Message, ToolCall, ToolSchema

NATIVE = (
    "{%- if tools %}{{ '<|im_start|>system\n' }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endif %}"
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' + (m.content or '') }}"
    '{%- for call in m.tool_calls or [] %}{{ \'<tool_call>\n{"name": "\' + call.function.name + \'", "arguments": \' }}'
    "{{ call.function.arguments | tojson }}{{ '}\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tool(name: str) -> ToolSchema:
    return {"type": "function", "function": {"name": name, "parameters": {"properties": {"x": {}}}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_random_model(tmp_path_factory.mktemp("forms") / "model")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", ["search", 'odd "<tool_call>" <|im_end|>'])
def test_a_form_filled_in_is_read_as_that_call(folder: Path, native: bool, name: str) -> None:
    tokenizer = load_tokenizer(folder)
    if native:
        tokenizer.chat_template = NATIVE
    dialect = Dialect.of(tokenizer)
    assert dialect.own is not native
    (form,) = call_texts(dialect, [tool(name)])
    arguments = {"x": "a </tool_call> b", "y": [1]}
    text = form.begin + json.dumps(arguments) + form.end
    assert dialect.parse(text) == Message("assistant", tool_calls=(ToolCall(name, arguments),))
    assert form.schema["type"] == "object"


def test_a_plain_call_is_written_as_the_template_writes_it(folder: Path) -> None:
    dialect = Dialect.of(folder)
    (form,) = call_texts(dialect, [tool("search")])
    call = Message("assistant", tool_calls=(ToolCall("search", {"x": 1}),))
    assert form.begin + '{"x": 1}' + form.end in dialect.render([Message("user", "hi"), call])
