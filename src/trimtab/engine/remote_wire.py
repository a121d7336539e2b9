"""Requests and answers of OpenAI's /v1/completions as our tokens: spelled as text for any server, as ids for vLLM."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trimtab.engine.constraint import Constrains, Constraint
from trimtab.engine.core import Chunk, Finish, Request, Unsupported
from trimtab.engine.ebnf import ebnf_of
from trimtab.engine.sse import BadStream
from trimtab.model.dialect import Dialect

_FINISH: dict[str, Finish] = {"stop": "stop", "length": "length"}
_MOST_STOPS = 4  # OpenAI's own limit
VLLM_CONSTRAINS: frozenset[Constrains] = frozenset(("json_schema", "regex", "lark", "citations", "calls"))


class Wire(Protocol):
    """How one kind of server is asked and read."""

    def body(self, request: Request, max_tokens: int) -> dict[str, Any]:
        """The JSON that asks for a stream. Raises Unsupported for what it cannot say."""

    def reader(self) -> Callable[[Mapping[str, Any]], Chunk | None]:
        """What reads one answer's events; None for one that says nothing. It raises BadStream."""


@dataclass(frozen=True)
class TextWire:
    """Prompt and answer as text: what every server of OpenAI's completions understands.

    Special tokens are spelled out, for the server to read as such. ``exact``: pieces of text encode on their own;
    elsewhere an answer is held until it is whole.
    """

    model: str
    dialect: Dialect
    exact: bool

    def body(self, request: Request, max_tokens: int) -> dict[str, Any]:
        """Raises Unsupported for a constraint, an adapter, log-probs, and for ids that no text stands for."""
        if request.constraint is not None:
            raise Unsupported("the engine openai cannot constrain an answer", "response_format")
        if request.sampling.top_logprobs is not None:
            raise Unsupported("the engine openai gives no log-probs", "logprobs")
        text = self.dialect.decode(request.prompt_ids)
        if tuple(self.dialect.ids(text)) != tuple(request.prompt_ids):
            raise Unsupported("the engine openai sends text, and no text stands for exactly these tokens", "prompt")
        stops = [self.dialect.decode([number]) for number in request.sampling.stop_ids]
        stop = {"stop": [text for text in dict.fromkeys(stops) if text][:_MOST_STOPS]} if stops else {}
        return {"model": self.model, "prompt": text, **_sampling(request, max_tokens), **stop}

    def reader(self) -> Callable[[Mapping[str, Any]], Chunk | None]:
        return _TextReader(self.dialect, self.exact)


class _TextReader:
    def __init__(self, dialect: Dialect, exact: bool) -> None:
        self._dialect, self._exact = dialect, exact
        self._held = ""

    def __call__(self, event: Mapping[str, Any]) -> Chunk | None:
        choice = _choice(event)
        if choice is None:
            return None
        text, finish = choice.get("text"), _finish(choice)
        if not isinstance(text, str | None):
            raise BadStream("an answer's text is no text")
        self._held += text or ""
        if finish is None and not self._exact:
            return None
        said, self._held = self._held, ""
        if not said and finish is None:
            return None
        return Chunk(tuple(self._ids(said)), (), finish)

    def _ids(self, text: str) -> list[int]:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadStream("an answer's text holds half a character") from error
        return self._dialect.ids(text)


@dataclass(frozen=True)
class TokenWire:
    """Token ids both ways, with vLLM's own fields (its ``CompletionRequest``).

    Every sampling field is sent, so that the server's defaults (``generation_config.json``) change nothing.
    """

    model: str
    secret: bytes
    """What scopes are salted with: a salt that another could guess would let him read the cache."""

    def body(self, request: Request, max_tokens: int) -> dict[str, Any]:
        """Raises Unsupported for a constraint without a stop id, by which alone it can end, and what
        ``structured_outputs`` raises."""
        sampling = request.sampling
        said: dict[str, Any] = {
            "model": request.adapter or self.model,
            "prompt": list(request.prompt_ids),
            **_sampling(request, max_tokens),
            **_PLAIN,
            "stop_token_ids": list(sampling.stop_ids),
            "logprobs": 0,
            "return_token_ids": True,
        }
        if request.cache_scope:
            said["cache_salt"] = self.salt(request.cache_scope)
        if request.constraint is not None:
            if not sampling.stop_ids:
                raise Unsupported("the engine vllm ends a constrained answer by a stop id, and there is none")
            said["structured_outputs"] = structured_outputs(request.constraint)
        return said

    def score_body(self, ids: list[int]) -> dict[str, Any]:
        """What asks for the log-probs of ``ids`` as a prompt, which shares no cache with anybody."""
        asked = {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0, "cache_salt": self.salt("\0score")}
        return {"model": self.model, "prompt": ids, **asked}

    def salt(self, scope: str) -> str:
        """A scope's name in the server's prefix cache, which tells nobody whose it is."""
        return hmac.new(self.secret, scope.encode(), "sha256").hexdigest()

    def reader(self) -> Callable[[Mapping[str, Any]], Chunk | None]:
        return _read_tokens


_PLAIN: dict[str, Any] = {
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "ignore_eos": True,  # the stop ids say what ends an answer
}


def structured_outputs(constraint: Constraint) -> dict[str, Any]:
    """vLLM's ``structured_outputs``. Raises Unsupported for a regex or a grammar beside calls, UserError for a schema
    that is none.

    Schemas go as grammars of ours: under vLLM's own a small model may write white space until it has no token left.
    """
    form = constraint.answer
    if form is not None and not constraint.calls:
        if form.kind == "regex":
            return {"regex": form.text}
        if form.kind == "lark":
            return {"grammar": form.text}
    return {"grammar": ebnf_of(constraint)}


def scored(answer: Any, ids: list[int], first: int) -> list[float]:
    """Log-probs (nats) of ``ids[first:]`` from the answer to ``score_body``. Raises BadStream."""
    try:
        rows = answer["choices"][0]["prompt_logprobs"]
        found = [float(rows[place][str(ids[place])]["logprob"]) for place in range(first, len(ids))]
    except (LookupError, TypeError, ValueError) as error:
        raise BadStream("the server's answer has no log-probs of the prompt") from error
    return found


def _sampling(request: Request, max_tokens: int) -> dict[str, Any]:
    sampling = request.sampling
    said: dict[str, Any] = {
        "stream": True,
        "max_tokens": max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    return said if sampling.seed is None else said | {"seed": sampling.seed}


def _read_tokens(event: Mapping[str, Any]) -> Chunk | None:
    choice = _choice(event)
    if choice is None:
        return None
    finish, ids = _finish(choice), choice.get("token_ids")
    if ids is None and finish is None and not choice.get("text"):
        return None
    numbers = _numbers(ids, int)
    if numbers is None:
        raise BadStream("the server gives no token ids (return_token_ids)")
    said = choice.get("logprobs")
    rows = _numbers(said.get("token_logprobs") if isinstance(said, dict) else [], int, float)
    if rows is None or len(rows) != len(numbers):
        raise BadStream(f"the server gives no log-prob for each of its {len(numbers)} tokens")
    return Chunk(tuple(numbers), tuple(map(float, rows)), finish) if numbers or finish else None


def _numbers(value: Any, *kinds: type) -> list[Any] | None:
    """A list of such numbers; None for anything else."""
    return value if isinstance(value, list) and all(type(one) in kinds for one in value) else None


def _choice(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The one choice; None in an event that has none (the usage)."""
    choices = event.get("choices")
    if choices == []:
        return None
    if not isinstance(choices, list) or not isinstance(choices[0], dict):
        raise BadStream("an event of the stream is no completion")
    return choices[0]


def _finish(choice: Mapping[str, Any]) -> Finish | None:
    reason = choice.get("finish_reason")
    if reason is None:
        return None
    if not isinstance(reason, str) or reason not in _FINISH:
        raise BadStream(f"the server ended the answer with finish_reason {str(reason)[:40]!r}")
    return _FINISH[reason]
