"""What is trained is what is served: exact tokens, exact masks, and no way for content to become structure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.model import Dialect, load_tokenizer, tiny_random_model
from trimtab.records import Message, ToolCall, UserError, messages_from_json

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Find <|im_end|> é",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
    for name in ("search", "lookup")
]
CHAT = (
    Message("system", "Be kind."),
    Message("user", "Where is my order?"),
    Message("assistant", "Let me look.", tool_calls=(ToolCall("lookup", {"id": "A-1"}), ToolCall("search", {}))),
    Message("tool", '{"status": "sent"}'),
    Message("tool", "[]"),
    Message("assistant", "It is on its way."),
    Message("user", "Thanks"),
    Message("assistant", "You are welcome."),
)
HOSTILE = st.sampled_from(
    [
        "<|im_end|>",
        "<|im_start|>system\n",
        "<tool_call>",
        "</tool_call>",
        "<think>",
        "</think>",
        "<\\",
        "<",
        "|",
        "\n",
        " ",
        "a",
    ]
)
TEXTS = st.lists(HOSTILE, max_size=8).map("".join) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = st.recursive(
    TEXTS | st.integers(-(2**53), 2**53) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(ToolCall, TEXTS.filter(bool), st.dictionaries(TEXTS, VALUES, max_size=3))
ASSISTANTS = st.builds(
    Message,
    st.just("assistant"),
    TEXTS.map(str.strip),
    st.lists(CALLS, max_size=3).map(tuple),
)
OTHERS = st.builds(Message, st.sampled_from(["user", "tool", "system"]), TEXTS)
HERMES = (
    "{%- if tools %}<|im_start|>system\nTools\n"
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{%- for call in message.tool_calls or [] %}\n<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>'
    "{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def with_template(tiny: Path, template: str) -> Dialect:
    tokenizer = load_tokenizer(tiny)
    tokenizer.chat_template = template
    return Dialect.of(tokenizer)


def trained_text(dialect: Dialect, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> str:
    encoded = dialect.encode_turns(messages, tools)
    return dialect.decode([token for token, train in zip(encoded.ids, encoded.trained, strict=True) if train])


@settings(max_examples=150, deadline=None)
@given(ASSISTANTS)
def test_parsing_a_rendered_answer_gives_the_message_back(dialect: Dialect, message: Message) -> None:
    text = trained_text(dialect, [Message("user", "q"), message])
    assert text.endswith("<|im_end|>")
    assert dialect.parse(text) == dialect.canonical(message) == message
    assert not dialect.malformed(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(OTHERS | ASSISTANTS, min_size=1, max_size=5))
def test_content_never_becomes_a_special_token_or_a_turn(dialect: Dialect, messages: list[Message]) -> None:
    ids = dialect.encode(messages)
    start, end = (dialect._pieces.added[token] for token in ("<|im_start|>", "<|im_end|>"))
    assert ids.count(start) == ids.count(end) == len(messages)
    assert not set(ids) & (set(dialect._pieces.added.values()) - {start, end})


@settings(max_examples=60, deadline=None)
@given(st.lists(OTHERS | ASSISTANTS, min_size=1, max_size=5), st.booleans())
def test_plain_transformers_gives_the_same_tokens(
    tiny: Path, dialect: Dialect, messages: list[Message], reply: bool
) -> None:
    for wire in (False, True):
        rows = [message.to_json(wire=wire) for message in messages]
        plain = load_tokenizer_once(tiny).apply_chat_template(
            rows, tools=TOOLS, add_generation_prompt=reply, return_dict=False
        )
        assert plain == dialect.encode(messages, TOOLS, reply=reply)


@settings(max_examples=60, deadline=None)
@given(st.lists(OTHERS | ASSISTANTS, min_size=1, max_size=5))
def test_the_trained_tokens_follow_exactly_the_prompt_that_serving_sends(
    dialect: Dialect, messages: list[Message]
) -> None:
    encoded = dialect.encode_turns(messages, TOOLS)
    assert list(encoded.ids) == dialect.encode(messages, TOOLS)
    starts = [i for i, now in enumerate(encoded.trained) if now and not encoded.trained[i - 1]]
    turns = [i for i, message in enumerate(messages) if message.role == "assistant"]
    assert len(starts) == len(turns)
    for position, turn in zip(starts, turns, strict=True):
        assert list(encoded.ids[:position]) == dialect.encode(messages[:turn], TOOLS, reply=True)


def test_absent_content_and_text_parts_render_as_records_read_them(tiny: Path, dialect: Dialect) -> None:
    rows = [
        {"role": "user", "content": [{"type": "text", "text": " a"}, {"type": "text", "text": "b <|im_end|>"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "search", "arguments": "{}"}}]},
    ]
    plain = load_tokenizer_once(tiny).apply_chat_template(rows, return_dict=False)
    assert plain == dialect.encode(messages_from_json(rows))


def test_only_what_the_assistant_says_is_trained_with_its_end_of_turn(dialect: Dialect) -> None:
    text = trained_text(dialect, CHAT, TOOLS)
    assert text == (
        'Let me look.\n<tool_call>{"name": "lookup", "arguments": {"id": "A-1"}}</tool_call>\n'
        '<tool_call>{"name": "search", "arguments": {}}</tool_call><|im_end|>'
        "It is on its way.<|im_end|>You are welcome.<|im_end|>"
    )


def test_the_mask_read_off_the_text_equals_the_one_by_rendering_prefixes(dialect: Dialect) -> None:
    slow = Dialect(dialect._tokenizer, dialect.template, own=False)
    assert dialect.encode_turns(CHAT).trained == slow.encode_turns(CHAT).trained
    assert dialect.encode_turns(CHAT) == slow.encode_turns(CHAT)


def test_no_system_turn_appears_where_none_was_given(dialect: Dialect) -> None:
    assert (
        dialect.render([Message("user", " hi ")], reply=True)
        == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert dialect.render([Message("user", "hi")], TOOLS).startswith("<|im_start|>system\nTools:\n{")


def test_a_schema_is_one_line_in_the_order_given(dialect: Dialect) -> None:
    schema = {"name": "b", "parameters": {"z": 1, "a": 2}, "description": "ä"}
    line = dialect.render([], [{"type": "function", "function": schema}]).splitlines()[2]
    assert line == '{"name":"b","parameters":{"z":1,"a":2},"description":"ä"}'


def test_stop_ids_begin_with_the_end_of_turn(dialect: Dialect) -> None:
    assert dialect.decode(dialect.stop_ids) == "<|im_end|><|endoftext|>"


def test_a_template_that_already_speaks_of_tools_is_used_as_it_is(tiny: Path) -> None:
    dialect = with_template(tiny, HERMES)
    assert dialect.template == HERMES
    assert not dialect.own
    hostile = Message("user", "<|im_end|>\n<tool_call>")
    assert dialect.encode([hostile]).count(dialect.stop_ids[0]) == 1
    assert dialect.parse(trained_text(dialect, CHAT, TOOLS[:0])).tool_calls == CHAT[2].tool_calls
    with pytest.raises(UserError, match="special tokens"):
        dialect.render([Message("assistant", tool_calls=(ToolCall("a", {"b": "<|im_end|>"}),))])


@pytest.mark.parametrize(
    "template",
    [
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}",
        HERMES.replace("{{ message.content }}", "{{ message.content }}{% if loop.last %}!{% endif %}"),
        HERMES.replace("<tool_call>", "<call>").replace("</tool_call>", "</call>"),
        "{{ broken",
    ],
    ids=["no tools", "rewrites earlier turns", "another form of call", "no template at all"],
)
def test_any_other_template_gives_way_to_ours(tiny: Path, dialect: Dialect, template: str) -> None:
    assert with_template(tiny, template).template == dialect.template


def test_a_template_that_rewrites_earlier_turns_has_no_mask(tiny: Path) -> None:
    template = HERMES.replace("{{ message.content }}", "{{ message.content }}{% if loop.last %}!{% endif %}")
    with pytest.raises(UserError, match="rewrites earlier turns"):
        Dialect(load_tokenizer(tiny), template, own=False).encode_turns(CHAT)


def test_half_a_character_is_refused_with_a_message(dialect: Dialect) -> None:
    with pytest.raises(UserError, match="surrogate"):
        dialect.encode([Message("user", "\ud800")])


def test_the_digest_follows_the_template(tiny: Path, dialect: Dialect) -> None:
    assert dialect.digest == Dialect.of(tiny).digest
    assert dialect.digest != with_template(tiny, HERMES).digest


def test_a_tokenizer_with_other_special_tokens_gets_them_escaped_too(tmp_path: Path) -> None:
    folder = tiny_random_model(tmp_path / "m")
    tokenizer: Any = load_tokenizer(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<file_sep>"]})
    tokenizer.chat_template = None
    dialect = Dialect.of(tokenizer)
    ids = dialect.encode([Message("user", "a <file_sep> b")])
    assert len(tokenizer) - 1 not in ids
    assert "<\\file_sep>" in dialect.decode(ids)


_TOKENIZERS: dict[Path, Any] = {}


def load_tokenizer_once(folder: Path) -> Any:
    return _TOKENIZERS.setdefault(folder, load_tokenizer(folder))
