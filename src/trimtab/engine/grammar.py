"""Constraints as token masks: llguidance follows a grammar byte by byte and says which tokens may come next.

Axes: V vocabulary.
"""

import json
import re
import threading
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from trimtab.engine.citing import citing_regex
from trimtab.engine.constraint import Constrains, Constraint, Form
from trimtab.engine.core import Unsupported
from trimtab.model.folder import load_tokenizer
from trimtab.records import UserError

KINDS: frozenset[Constrains] = frozenset(("json_schema", "regex", "lark", "citations", "calls"))
_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}  # as calls are trained
_KEPT = 64
_WORDS = 300  # characters of the library's words in an error


def available() -> bool:
    """Whether llguidance is installed."""
    return find_spec("llguidance") is not None


class DeadEnd(Exception):
    """A grammar that no token can continue, or that ran out of its bounds."""


class Grammars:
    """Compiles constraints for one tokenizer; thread-safe. The tokenizer is read when the first constraint comes."""

    def __init__(self, folder: Path, vocabulary: int) -> None:
        self._folder, self._vocabulary = folder, vocabulary
        self._lock = threading.Lock()
        self._tokenizer: Any = None
        self._special: dict[str, int] = {}
        self._compiled: Callable[[Constraint], Any] = lru_cache(maxsize=_KEPT)(self._compile)

    def matcher(self, constraint: Constraint) -> "Matcher":
        """A fresh follower of ``constraint``. Raises UserError where it is wrong, Unsupported without llguidance."""
        if not available():
            raise Unsupported("constrained decoding needs llguidance: pip install 'trimtab[constrained]'")
        with self._lock:
            compiled = self._compiled(constraint)
            return Matcher(compiled.deep_copy(), self._vocabulary, tuple(self._tokenizer.eos_tokens))

    def _compile(self, constraint: Constraint) -> Any:
        from llguidance import LLMatcher

        if self._tokenizer is None:
            self._read()
        grammar = grammar_of(constraint, self._special)
        if spelled := _spelled(constraint, self._special):
            raise UserError(
                f"an answer of this form would spell the model's special token {spelled}", field=_field(constraint)
            )
        if wrong := LLMatcher.validate_grammar(grammar, self._tokenizer):
            raise UserError(
                f"no answer can be held to this form: {' '.join(wrong.split())[:_WORDS]}",
                field=_field(constraint),
            )
        return LLMatcher(self._tokenizer, grammar, log_level=0)

    def _read(self) -> None:
        from llguidance import LLTokenizer

        tokenizer = load_tokenizer(self._folder)
        size = max(self._vocabulary, len(tokenizer))
        text = tokenizer.backend_tokenizer.to_str()
        self._tokenizer = LLTokenizer(text, n_vocab=size, eos_token=tokenizer.eos_token_id)
        added = tokenizer.added_tokens_decoder
        self._special = {str(token.content): number for number, token in added.items() if token.special}


class Matcher:
    """One completion under a constraint: what may come next, then the token that came."""

    def __init__(self, matcher: Any, vocabulary: int, ends: tuple[int, ...]) -> None:
        self._matcher, self._vocabulary, self._ends = matcher, vocabulary, ends

    def allow(self, logits_V: torch.Tensor, stop_ids: Collection[int]) -> torch.Tensor:
        """Logits with -inf where a token cannot come. A stop id can come exactly where the text is whole."""
        bits = torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.uint8)
        allowed_V = ((bits[:, None] >> torch.arange(8)) & 1).flatten()[: self._vocabulary].bool()
        for end in (*self._ends, *stop_ids):
            allowed_V[end] = end in stop_ids and self._matcher.is_accepting()
        if not allowed_V.any():
            raise DeadEnd(f"the grammar allows no token ({self._matcher.stop_reason()})")
        return logits_V.masked_fill(~allowed_V, float("-inf"))

    def take(self, token: int) -> None:
        """The token that came, other than a stop id."""
        if not self._matcher.consume_token(token):
            raise DeadEnd(f"the grammar did not take a token that it allowed ({self._matcher.get_error()})")

    @property
    def over(self) -> bool:
        """Whether the text is whole and nothing can follow it."""
        return bool(self._matcher.is_stopped())


def grammar_of(constraint: Constraint, special: Mapping[str, int]) -> str:
    """The constraint in llguidance's words; ``special``: tokens that only their id can spell."""
    rules, parts = ["start: " + " | ".join(_starts(constraint))], []
    if constraint.answer is not None:
        parts.append({"name": "answer", **_form(constraint.answer)})
    if constraint.calls:
        rules += ['calls: call ("\\n" call)*' if constraint.many else "calls: call"]
        rules += ["call: " + " | ".join(f"call_{i}" for i in range(len(constraint.calls)))]
    for i, call in enumerate(constraint.calls):
        rules.append(f"call_{i}: {_literal(call.begin, special)} @arguments_{i} {_literal(call.end, special)}")
        parts.append({"name": f"arguments_{i}", "json_schema": _spaced(call.schema)})
    return json.dumps({"grammars": [{"lark_grammar": "\n".join(rules)}, *parts]})


def _field(constraint: Constraint) -> str:
    return "tools" if constraint.answer is None else "response_format"


def _spelled(constraint: Constraint, special: Mapping[str, int]) -> str | None:
    """A special token that the text would have to spell out; llguidance would force the token itself."""
    texts = [call.schema for call in constraint.calls]
    texts += [constraint.answer.text] if constraint.answer is not None else []
    plain = "\n".join(_unescaped(text) for text in texts)
    return next((token for token in special if token in plain), None)


def _unescaped(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text


def _starts(constraint: Constraint) -> list[str]:
    return ["@answer"] * (constraint.answer is not None) + ["calls"] * bool(constraint.calls)


def _form(form: Form) -> dict[str, Any]:
    from llguidance import regex_to_lark

    match form.kind:
        case "json_schema":
            return {"json_schema": _spaced(form.text)}
        case "regex":
            return {"lark_grammar": f"start: /{regex_to_lark(form.text)}/"}
        case "citations":
            return {"lark_grammar": f"start: /{regex_to_lark(citing_regex(form.text))}/"}
        case "lark":
            return {"lark_grammar": form.text}


def _spaced(schema: str) -> Any:
    """The schema with the spacing that ``json.dumps`` and the dialects' templates write."""
    value = json.loads(schema)
    return {**value, "x-guidance": _SPACING} if isinstance(value, dict) else value


def _literal(text: str, special: Mapping[str, int]) -> str:
    """A text in Lark: quoted, its special tokens by their ids."""
    border = "|".join(re.escape(token) for token in sorted(special, key=len, reverse=True))
    pieces = re.split(f"({border})", text) if border else [text]
    return " ".join(f"<[{special[piece]}]>" if piece in special else json.dumps(piece) for piece in pieces if piece)
