"""The one protocol over what generates: token ids in, token ids and log-probs out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from trimtab.engine.constraint import Constrains, Constraint, Form

Finish = Literal["stop", "length", "cancelled", "error"]


class Unsupported(Exception):
    """The engine cannot do what was asked; it never does something else instead. ``field``: what asked for it."""

    def __init__(self, message: str, field: str | None = None) -> None:
        self.field = field
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Caps:
    """What an engine can do."""

    name: str
    continuous: bool = False
    logprobs: bool = True
    score: bool = True
    seed: bool = True
    exact_to_trainer: bool = False
    context: int = 0
    """Most tokens of prompt and completion together; 0 where the engine does not know."""
    kv_tokens: int = 0
    """Tokens whose keys and values its cache holds at once; 0 where it grows as needed."""
    scoped_cache: bool = False
    """Requests of different ``cache_scope`` never share a computed prefix."""
    constrains: frozenset[Constrains] = frozenset()
    """What it can hold a completion's text to; anything else is refused."""
    top_logprobs: int = 0
    """Most alternatives a position that it gives log-probs of, beside the sampled token's."""
    adapters: frozenset[str] = frozenset()
    """LoRA adapters that it serves by name, as of now; any other is refused."""
    speculates: str = ""
    """How it guesses ahead: ``lookup`` or ``draft``; empty where every token takes a forward of its own."""
    precision: str = ""
    """bf16, f32, int8 or int4, as a release names it; empty where the engine does not know."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """``temperature`` 0 is greedy. ``stop`` strings are cut by the chat layer, ``stop_ids`` by the engine.

    The same ``seed``, prompt and weights give the same tokens, whatever else the engine is busy with. ``form``: what
    the answer must be; ``call``: the tool that must be called, ``ANY_TOOL`` for one or more of those offered;
    ``one_call``: the turn ends with its first call; ``top_logprobs`` asks for the answer's tokens with that many
    alternatives. The chat layer sees to these four.
    """

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_ids: tuple[int, ...] = ()
    form: Form | None = None
    call: str | None = None
    top_logprobs: int | None = None
    one_call: bool = False


ANY_TOOL = "*"


@dataclass(frozen=True, slots=True)
class Request:
    """``constraint``: what the text may be; a constrained completion ends with a stop id once its text is whole."""

    prompt_ids: tuple[int, ...]
    sampling: Sampling = Sampling()
    constraint: Constraint | None = None
    cache_scope: str = ""
    """Whose it is: where ``caps.scoped_cache``, it shares computed prefixes with no other scope."""
    adapter: str = ""
    """The LoRA adapter that answers, one of ``caps.adapters``; empty for the weights themselves."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """New tokens of one request; the last chunk carries ``finish``. A stop id itself is included.

    ``logprobs`` are the model's own (nats, temperature 1, whole vocabulary), whatever the sampling was.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Finish | None = None
    error: str = ""
    """What went wrong, where ``finish`` is ``error``."""


@dataclass(frozen=True, slots=True)
class Completion:
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Finish
    weights: str
    """Digest of the weights that produced it."""
    error: str = ""


class Handle(Protocol):
    def cancel(self) -> None:
        """Free the slot; the last chunk says ``cancelled``."""


class Engine(Protocol):
    caps: Caps
    weights: str

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> Handle:
        """Queue a request; ``on_chunk`` is called from the engine's thread, last with a finish. Thread-safe."""

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        """Log-prob of each completion token given all before it. Raises Unsupported where it cannot."""

    def close(self) -> None: ...
