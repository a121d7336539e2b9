"""The chat layer that every caller uses: messages in, one assistant turn out, streamed and cancellable."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from trimtab.engine.constraint import Constraint
from trimtab.engine.core import Chunk, Engine, Finish, Handle, Request, Sampling
from trimtab.engine.demand import check, constraint_of
from trimtab.engine.detokenise import Detokeniser, StopStrings
from trimtab.engine.pieces import Piece, answer_pieces
from trimtab.engine.post import Post
from trimtab.engine.scope import CACHE_SCOPE
from trimtab.model.calls import OPEN, first_call_end, split_reasoning
from trimtab.model.dialect import Dialect
from trimtab.records import Message, ToolSchema, UserError

_GREEDY = Sampling()


@dataclass(frozen=True, slots=True)
class Reply:
    """One assistant turn. ``text`` is as generated, without its reasoning, end of turn and stop string.

    ``token_ids`` and ``logprobs`` are all that was generated, those two included.
    """

    message: Message
    text: str
    finish: Finish
    prompt_tokens: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    weights: str
    malformed: bool = False
    """The text tries to call a tool in a form that cannot be read."""
    error: str = ""
    pieces: tuple[Piece, ...] | None = None
    """The tokens of ``message.content``, where ``sampling.top_logprobs`` asked for them."""


class Chat:
    """An engine spoken to in messages, through one dialect. May be used by many tasks at once."""

    def __init__(self, engine: Engine, dialect: Dialect, *, adapter: str = "", weights: str = "") -> None:
        """``adapter``: the engine's, of the digest ``weights``, that answers; the engine's own weights otherwise."""
        self.engine = engine
        self.dialect = dialect
        self._adapter, self._weights = adapter, weights

    def tokens(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> int:
        """How many tokens the prompt has that ``reply`` would send."""
        return len(self.dialect.encode(messages, tools, reply=True))

    async def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        sampling: Sampling = _GREEDY,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """The assistant's next turn. Cancelling the task frees the engine's slot.

        ``on_text`` gets, as it is generated, the text a reader may see: it adds up to the message's content, save
        that of a malformed call it shows nothing. An engine's failure is ``finish="error"``. An answer that
        ``sampling.form`` holds is its text to the letter: nothing in it is read as a call, escape or reasoning.
        Raises UserError where the conversation cannot be rendered or leaves no room in the model's context, and for
        a form that no text can keep; Unsupported where the engine cannot do what ``sampling`` asks.
        """
        constraint = constraint_of(self.dialect, tools, sampling)
        check(self.engine.caps, constraint, sampling)
        prompt = tuple(self.dialect.encode(messages, tools, reply=True))
        self._check_room(len(prompt))
        stop_ids = tuple(dict.fromkeys((*sampling.stop_ids, *self.dialect.stop_ids)))
        request = Request(
            prompt, replace(sampling, stop_ids=stop_ids), constraint, CACHE_SCOPE.get(), adapter=self._adapter
        )
        turn = _Turn(self.dialect, request, on_text)
        return await self._run(request, turn)

    async def complete(
        self, prompt: str, sampling: Sampling = _GREEDY, on_text: Callable[[str], None] | None = None
    ) -> Reply:
        """What follows ``prompt``, as it stands: no template, and nothing in the text is read.

        Special tokens spelled in the prompt are those tokens. Raises UserError for an empty prompt and one that
        leaves no room; Unsupported where the engine cannot do what ``sampling`` asks.
        """
        ids = tuple(self.dialect.ids(prompt))
        if not ids:
            raise UserError("the prompt is empty", field="prompt", expected="at least one token")
        self._check_room(len(ids), "prompt")
        check(self.engine.caps, None, sampling)
        stop_ids = tuple(dict.fromkeys((*sampling.stop_ids, *self.dialect.stop_ids)))
        request = Request(ids, replace(sampling, stop_ids=stop_ids), None, CACHE_SCOPE.get(), adapter=self._adapter)
        return await self._run(request, _Turn(self.dialect, request, on_text, raw=True))

    async def _run(self, request: Request, turn: "_Turn") -> Reply:
        await _hear(self.engine, request, turn.take)
        weights = f"{self.engine.weights}+{self._weights}" if self._adapter else self.engine.weights
        return turn.reply(len(request.prompt_ids), weights)

    def _check_room(self, length: int, field: str = "messages") -> None:
        context = self.engine.caps.context
        if context and length >= context:
            raise UserError(
                f"the conversation has {length} tokens and leaves no room to answer",
                field=field,
                expected=f"fewer than the model's context of {context} tokens",
                fix="Shorten the conversation, or start a new one",
            )


async def _hear(engine: Engine, request: Request, take: Callable[[Chunk], bool]) -> None:
    """Give ``take`` every chunk until it says that it has all; leaving early cancels the request.

    Chunks are taken where they land on the event loop, without waking the task: at hundreds of tokens a second that
    is what a token costs. What ``take`` raises ends the wait.
    """
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ended = False

    def arrive(chunk: Chunk) -> None:
        nonlocal ended
        if over.done():
            return
        ended = chunk.finish is not None
        try:
            if take(chunk):
                over.set_result(None)
        except Exception as error:  # the named boundary: it belongs to the waiting task
            over.set_exception(error)

    post = Post.of(asyncio.get_running_loop())
    handle = await _submit(engine, request, lambda chunk: post.put(arrive, chunk))
    try:
        await over
    finally:
        if not ended:
            handle.cancel()


async def _submit(engine: Engine, request: Request, on_chunk: Callable[[Chunk], None]) -> Handle:
    """Queue a request; a constraint is compiled off the event loop, and a caller who leaves meanwhile cancels it."""
    if request.constraint is None:
        return engine.submit(request, on_chunk)
    queued = asyncio.ensure_future(asyncio.to_thread(engine.submit, request, on_chunk))
    try:
        return await asyncio.shield(queued)
    except asyncio.CancelledError:
        queued.add_done_callback(_cancel)
        raise


def _cancel(queued: "asyncio.Future[Handle]") -> None:
    if not queued.cancelled() and queued.exception() is None:
        queued.result().cancel()


class _Turn:
    """One turn as it arrives."""

    def __init__(
        self, dialect: Dialect, request: Request, on_text: Callable[[str], None] | None, *, raw: bool = False
    ) -> None:
        sampling = request.sampling
        self._raw = raw
        self._dialect = dialect
        self._spell = sampling.top_logprobs is not None
        self._one_call = sampling.one_call
        self._constraint: Constraint | None = request.constraint
        self._stop_ids = frozenset(sampling.stop_ids)
        self._on_text = on_text
        self._detokeniser = Detokeniser(dialect.decode)
        self._stops = StopStrings(sampling.stop)
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._text = ""
        self._shown = 0
        self._finish: Finish = "error"
        self._error = ""

    def take(self, chunk: Chunk) -> bool:
        """Add a chunk; whether the turn is over (the engine's word, or a stop string's)."""
        self._ids.extend(chunk.token_ids)
        self._logprobs.extend(chunk.logprobs)
        self._text += self._stops.push(self._detokeniser.push(self._spoken(chunk)))
        if not self._stops.hit and chunk.finish is not None:
            self._text += self._stops.push(self._detokeniser.flush())
            self._text += self._stops.flush()
        called = self._called()
        over = self._stops.hit or called or chunk.finish is not None
        if over:
            self._finish = "stop" if self._stops.hit or called else chunk.finish or "error"
            self._error = chunk.error
        self._show(final=over)
        return over

    def _called(self) -> bool:
        """Whether the one call that the turn may make is whole; what came after it is cut."""
        if not self._one_call or self._literal:
            return False
        reasoning, rest = split_reasoning(self._text)
        if (reasoning is not None and not rest) or (end := first_call_end(rest)) is None:
            return False
        self._text = self._text[: len(self._text) - len(rest) + end]
        return True

    @property
    def _literal(self) -> bool:
        """Whether there is nothing in the text to read: a raw completion, or an answer in a form."""
        if self._raw or self._constraint is None or self._constraint.answer is None:
            return self._raw
        return not (self._constraint.calls and OPEN.startswith(self._text[: len(OPEN)]))

    def reply(self, prompt_tokens: int, weights: str) -> Reply:
        literal = self._literal
        text = self._text if literal else split_reasoning(self._text)[1]
        return Reply(
            message=Message("assistant", self._text) if literal else self._dialect.parse(self._text),
            text=text,
            finish=self._finish,
            prompt_tokens=prompt_tokens,
            token_ids=tuple(self._ids),
            logprobs=tuple(self._logprobs),
            weights=weights,
            malformed=not literal and self._dialect.malformed(self._text),
            error=self._error,
            pieces=self._pieces(text) if self._spell else None,
        )

    def _pieces(self, answer: str) -> tuple[Piece, ...] | None:
        ended = self._finish == "stop" and self._ids and self._ids[-1] in self._stop_ids
        count = len(self._ids) - bool(ended)
        return answer_pieces(self._dialect, self._ids[:count], self._logprobs[:count], self._text, answer)

    def _spoken(self, chunk: Chunk) -> Sequence[int]:
        """The chunk's tokens without the stop id that may end them."""
        ids = chunk.token_ids
        return ids[:-1] if chunk.finish == "stop" and ids and ids[-1] in self._stop_ids else ids

    def _show(self, *, final: bool) -> None:
        if self._on_text is None:
            return
        text = self._text if self._literal else self._dialect.visible(self._text, final=final)
        if final and not self._literal and not self._dialect.malformed(self._text):
            text = self._dialect.parse(self._text).content
        if len(text) > self._shown:
            new, self._shown = text[self._shown :], len(text)
            self._on_text(new)
