"""The dialect: messages to the exact tokens a model is trained and served with, and its text back to a message."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from trimtab.model.calls import (
    CLOSE,
    OPEN,
    THINK,
    THOUGHT,
    escape,
    hold,
    spell_reasoning,
    split_calls,
    split_reasoning,
    visible,
)
from trimtab.model.folder import Tokenizer, load_tokenizer
from trimtab.model.spelling import token_bytes
from trimtab.model.tokens import Pieces, decoder
from trimtab.records import Message, ToolSchema, UserError, digest

_START, _END = "<|im_start|>", "<|im_end|>"
_TURN = re.compile(r"<\|im_start\|>assistant\n(.*?<\|im_end\|>)", re.DOTALL)
_OURS = "{#- Trimtab ChatML"
_MARKERS_LINE = '{%- set markers = ["<|", "<tool_call>", "</tool_call>", "<think>", "</think>"] -%}'


@dataclass(frozen=True, slots=True)
class Encoded:
    """A conversation's token ids, and for each whether it is trained: assistant turns with their end of turn."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]


class Dialect:
    """One chat template and its parser.

    A canonical message has no surrounding white space, no ids, no names and no reasoning (the template shows none of
    them), and ``parse`` of its rendering gives it back. Reasoning is never part of the history: ``encode_reply``
    spells that of the last turn, as ``<think>…</think>`` before what it says, and ``parse`` takes it off again.
    No default system prompt is injected. Special tokens and call markers inside content are escaped with a backslash
    (``<\\|im_end|>``), in JSON as ``\\u003c``: content never becomes a special token, a turn or a call.
    """

    def __init__(self, tokenizer: Tokenizer, template: str, *, own: bool, tools: bool = True) -> None:
        self.template = template
        self.own = own
        self.tools = tools
        self._tokenizer = tokenizer
        self._decode = decoder(tokenizer)
        self._pieces = Pieces(tokenizer)
        self._markers = _markers(tokenizer)

    @classmethod
    def of(cls, source: "Path | str | Tokenizer") -> "Dialect":
        """The dialect of a model folder or tokenizer.

        Its own template where that already speaks of tools as ``<tool_call>`` and never rewrites earlier turns;
        otherwise ours, which needs ChatML's special tokens; otherwise its own without tools. Raises UserError where
        no template fits.
        """
        tokenizer = load_tokenizer(Path(source)) if isinstance(source, (str, Path)) else source
        native = _native_template(tokenizer)
        if native is not None and native.startswith(_OURS):
            return cls(tokenizer, native, own=True)
        if native is not None and _speaks_tools(dialect := cls(tokenizer, native, own=False)):
            return dialect
        if {_START, _END} <= {str(token.content) for token in tokenizer.added_tokens_decoder.values()}:
            return cls(tokenizer, our_template(tokenizer), own=True)
        if native is not None and _speaks(dialect := cls(tokenizer, native, own=False, tools=False)):
            return dialect
        raise UserError(
            "the model has no chat template that Trimtab can train",
            expected=f"a template whose turns stay as they were, or a tokenizer with {_START} and {_END}",
            fix="Use an instruction-tuned model, or add a chat_template.jinja to its folder",
        )

    def render(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = (), *, reply: bool = False) -> str:
        """The conversation as text; ``reply=True`` opens the assistant's turn. Raises UserError."""
        from jinja2 import TemplateError
        from transformers.utils.chat_template_utils import render_jinja_template

        if tools and not self.tools:
            raise UserError("this model's chat template knows no tools", field="tools")
        rows = [self._row(message) for message in messages]
        if not self.own and hold(list(tools), self._markers):
            raise UserError("a tool's schema spells one of the model's special tokens", field="tools")
        try:
            rendered, _ = render_jinja_template(
                conversations=[rows],
                tools=list(tools) or None,
                chat_template=self.template,
                add_generation_prompt=reply,
                **self._special_texts,
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise UserError(f"the chat template refused the conversation ({error})", field="messages") from error
        return str(rendered[0])

    def encode(
        self, messages: Sequence[Message], tools: Sequence[ToolSchema] = (), *, reply: bool = False
    ) -> list[int]:
        """Token ids of ``render``: what transformers' ``apply_chat_template`` gives on the exported folder."""
        return self._pieces.encode(self.render(messages, tools, reply=reply))

    def encode_turns(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> Encoded:
        """Token ids with the exact mask of what the assistant says, each turn's end included.

        A turn's tokens are those after the prompt that serving would send. Raises UserError where the template
        rewrites earlier turns, or the tokenizer merges across a turn's border.
        """
        text = self.render(messages, tools)
        ids: list[int] = []
        trained: list[bool] = []
        position = 0
        for start, end in self._spans(text, messages, tools):
            for upto, train in ((start, False), (end, True)):
                part = self._pieces.encode(text[position:upto])
                ids += part
                trained += [train] * len(part)
                position = upto
        rest = self._pieces.encode(text[position:])
        if not self._pieces.exact and ids + rest != self._pieces.encode(text):
            raise UserError("the tokenizer merges text across turns, so no exact training mask exists")
        return Encoded(tuple(ids + rest), tuple(trained) + (False,) * len(rest))

    def encode_reply(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> Encoded:
        """Token ids of a conversation that ends with an assistant's turn, that turn's reasoning spelled before it.

        Only the last turn is trained; those before it stand there as serving shows them. Raises UserError.
        """
        plain = self.encode_turns(messages, tools)
        end = len(plain.trained) - plain.trained[::-1].index(True)
        start = next(place for place in range(end, 0, -1) if not plain.trained[place - 1])
        text = self.render(messages, tools)
        turn = slice(*self._spans(text, messages, tools)[-1])
        spelled = spell_reasoning(messages[-1].reasoning or "", self._markers) if messages[-1].reasoning else ""
        ids = tuple(self._pieces.encode(spelled + text[turn]))
        rest = plain.ids[end:]
        return Encoded(plain.ids[:start] + ids + rest, (False,) * start + (True,) * len(ids) + (False,) * len(rest))

    def parse(self, text: str) -> Message:
        """The message that an assistant's text means (end of turn already cut or not).

        Text that begins with ``<think>`` has reasoning up to ``</think>``. A call that is no valid JSON object with
        name and arguments stays in the content as it stands; see ``malformed``. Never raises.
        """
        reasoning, said = split_reasoning(self._cut(text))
        content, calls, _ = split_calls(said)
        return Message("assistant", content, tool_calls=calls, reasoning=reasoning)

    def malformed(self, text: str) -> bool:
        """Whether ``text`` holds a call, or a part of one, that ``parse`` could not read."""
        return split_calls(split_reasoning(self._cut(text))[1])[2]

    def visible(self, text: str, *, final: bool = False) -> str:
        """What of an unfinished reply may be shown: grows only at its end, no part of a call, none of its reasoning."""
        text = self._cut(text)
        if not final and THINK.startswith(text.lstrip()):
            return ""
        return visible(split_reasoning(text)[1], final=final)

    def canonical(self, message: Message) -> Message:
        """The message as ``parse`` would give it back: what the template does not show is gone."""
        calls = tuple(replace(call, id="") for call in message.tool_calls)
        return Message(message.role, message.content.strip(), tool_calls=calls)

    def ids(self, text: str) -> list[int]:
        """Token ids of text in which special tokens may be spelled out: the inverse of ``decode``."""
        return self._pieces.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens spelled out."""
        return self._decode(list(ids), skip_special_tokens=False)

    def token_bytes(self, number: int) -> bytes:
        """The UTF-8 bytes of one token, which may be a part of a character."""
        return token_bytes(self._tokenizer, number)

    @cached_property
    def end_of_turn(self) -> str:
        """The token that closes an assistant's turn."""
        if self.own:
            return _END
        tail = self.render(_PROBE[:2]).rsplit(_PROBE[1].content, 1)[1]
        found = [token for token in self._pieces.added if token in tail]
        if not found:
            raise UserError("the chat template does not close the assistant's turn with a special token")
        return min(found, key=tail.index)

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end a reply: the end of turn first, then the tokenizer's end of text."""
        ends = [
            self._pieces.added[self.end_of_turn],
            self._tokenizer.eos_token_id,
            self._pieces.added.get("<|endoftext|>"),
        ]
        return tuple(dict.fromkeys(end for end in ends if end is not None))

    @property
    def digest(self) -> str:
        """Digest of the template, as a release records it."""
        return digest({"template": self.template})

    @cached_property
    def _special_texts(self) -> dict[str, str]:
        named = {
            name: getattr(self._tokenizer, name, None) for name in ("bos_token", "eos_token", "pad_token", "unk_token")
        }
        return {name: str(token) for name, token in named.items() if token is not None}

    def _row(self, message: Message) -> dict[str, object]:
        """A message as the template sees it. A native template escapes nothing, so its rows are escaped here."""
        row = message.to_json()
        row.pop("reasoning", None)
        if self.own:
            return row
        if hold({key: value for key, value in row.items() if key != "content"}, self._markers):
            raise UserError("a tool call spells one of the model's special tokens", field="tool_calls")
        return row | {"content": escape(message.content.strip(), self._markers)}

    def _spans(self, text: str, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> list[tuple[int, int]]:
        """Each assistant turn's characters, from after the generation prompt to its end of turn."""
        if self.own:  # content cannot spell a turn's start or end, so the text itself says where the turns are
            return [match.span(1) for match in _TURN.finditer(text)]
        spans = []
        for i, message in enumerate(messages):
            if message.role != "assistant":
                continue
            prompt = self.render(messages[:i], tools, reply=True)
            upto = self.render(messages[: i + 1], tools)
            end = upto.rfind(self.end_of_turn) + len(self.end_of_turn)
            if not (text.startswith(prompt) and text.startswith(upto[:end]) and end > len(prompt)):
                raise UserError("the chat template rewrites earlier turns, so no exact training mask exists")
            spans.append((len(prompt), end))
        return spans

    def _cut(self, text: str) -> str:
        return text.split(self.end_of_turn, 1)[0]


def our_template(tokenizer: Tokenizer) -> str:
    """Our ChatML template, its markers covering every added token of ``tokenizer``."""
    source = files("trimtab.model").joinpath("chatml.jinja").read_text(encoding="utf-8")
    assert _MARKERS_LINE in source
    listed = json.dumps(list(_markers(tokenizer)), ensure_ascii=False)
    return source.replace(_MARKERS_LINE, "{%- set markers = " + listed + " -%}")


def _markers(tokenizer: Tokenizer) -> tuple[str, ...]:
    """What content may not spell: ``<|`` stands for every ``<|...|>``; other added tokens are listed.

    Added tokens that are not special and open with no ``<`` (runs of spaces, say) are plain text.
    """
    added = tokenizer.added_tokens_decoder.values()
    others = sorted({str(token.content) for token in added if token.special or str(token.content).startswith("<")})
    others = [token for token in others if not token.startswith("<|")]
    odd = [token for token in others if not token.startswith("<") or "<" in token[1:] or token.startswith("<\\")]
    if odd:
        raise UserError(f"the tokenizer's special token {odd[0]!r} cannot be kept out of content", expected="<...>")
    return tuple(dict.fromkeys(["<|", OPEN, CLOSE, THINK, THOUGHT, *others]))


def _native_template(tokenizer: Tokenizer) -> str | None:
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("tool_use") or template.get("default")
    return template if isinstance(template, str) and template.strip() else None


_PROBE_TOOL = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "probe",
        "parameters": {"type": "object", "properties": {"key": {"type": "string"}}},
    },
}
_PROBE = (
    Message("user", "first question"),
    Message("assistant", "first answer"),
    Message("user", "second question"),
    Message("assistant", "second answer"),
)


def _speaks(dialect: Dialect) -> bool:
    """Whether the template keeps earlier turns as they were and closes the assistant's."""
    try:
        dialect.encode_turns(_PROBE)
    except UserError:
        return False
    return True


def _speaks_tools(dialect: Dialect) -> bool:
    """Whether the template shows tools, and calls in the form that ``parse`` reads, results included."""
    from trimtab.records import ToolCall

    call = Message("assistant", tool_calls=(ToolCall("probe_tool", {"key": "probe value"}),))
    chat = (_PROBE[0], call, Message("tool", "probe result"), *_PROBE[1:])
    try:
        text = dialect.render(chat, [_PROBE_TOOL])
        dialect.encode_turns(chat, [_PROBE_TOOL])
        spans = dialect._spans(text, chat, [_PROBE_TOOL])
    except UserError:
        return False
    start, end = spans[0]
    return '"key"' in text[:start] and "probe result" in text and dialect.parse(text[start:end]) == call
