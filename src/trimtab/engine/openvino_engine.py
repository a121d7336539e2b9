"""The fast engine on CPUs: openvino-genai's continuous batching with paged keys and values and a prefix cache."""

import threading
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trimtab.engine.batch import Gather
from trimtab.engine.constraint import Constrains
from trimtab.engine.core import Caps, Chunk, Finish, Request, Sampling, Unsupported
from trimtab.engine.draft import draft_of
from trimtab.engine.ebnf import ebnf_of
from trimtab.engine.gguf_cache import ModelFacts, gguf_of, model_facts
from trimtab.engine.kv_size import CacheUse, paged_tokens
from trimtab.engine.limits import check_scored, room
from trimtab.engine.lookup import Counts, Speculation
from trimtab.engine.memory import give_back
from trimtab.engine.openvino_speculate import SpeculatingStepper, configure, guessed_at, properties_of
from trimtab.engine.precision import PLANS, Precision
from trimtab.engine.worker import Slot, Stepper, Worker
from trimtab.model import weights_digest

Pair = tuple[Sequence[int], Sequence[int]]
_BATCH_TOKENS = 512  # prompt tokens a step: more makes running requests wait longer for their next token
_CAPACITY = 64
_CONSTRAINS: frozenset[Constrains] = frozenset(("json_schema", "citations", "calls"))


def available() -> bool:
    """Whether openvino-genai is installed."""
    return find_spec("openvino_genai") is not None


class OpenVinoEngine:
    """An Engine over a GGUF of ``folder``, written once into ``workdir`` and named by its digest.

    ``precision`` (``precision.PLANS``): ``f32`` comes within rounding of F16 weights to the trainer; ``bf16`` is
    faster and a few hundredths of a nat off; ``int8`` and ``int4`` are the weights', computed with in bf16, a tenth
    and half a nat off. ``speculation`` keeps greedy ids the same in ``f32``; in ``bf16`` rounding depends on how many
    rows a forward has, as it does on who else is in the batch. ``cache_gb`` bounds keys and values. The pipeline's
    prefix cache has no salt, so it is everybody's: without ``prefix_cache`` no request sees what another has computed.
    Raises UserError where the model's architecture has no GGUF writer, and where the file written for it is no longer
    what was written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        precision: Precision = "bf16",
        cache_gb: int = 1,
        threads: int | None = None,
        workdir: Path | None = None,
        prefix_cache: bool = True,
        speculation: Speculation | None = None,
    ) -> None:
        self.weights = weights_digest(folder)
        facts = model_facts(folder)
        plan = PLANS[precision]
        properties: dict[str, Any] = dict(plan.properties)
        if threads is not None:
            properties["INFERENCE_NUM_THREADS"] = threads
        self._build = _Build(gguf_of(folder, workdir, weights=self.weights, kind=plan.weights), properties, cache_gb)
        fast = properties_of(speculation, _draft(speculation, folder, workdir), plan.properties, threads, cache_gb)
        whole = facts.context + _CAPACITY * (1 + (speculation.tokens if speculation else 0))
        batch_tokens = whole if speculation is not None and speculation.way == "draft" else _BATCH_TOKENS
        fast_build = _Build(self._build.gguf, properties | fast, cache_gb, batch_tokens)
        self.caps = Caps(
            f"openvino-{precision}",
            continuous=True,
            context=facts.context,
            kv_tokens=paged_tokens(folder, cache_gb << 30, plan.cache),
            scoped_cache=not prefix_cache,
            constrains=_CONSTRAINS,
            speculates="" if speculation is None else speculation.way,
            precision=precision,
        )
        self._stepper = _OpenVinoStepper(fast_build, facts, prefix_cache=prefix_cache, speculation=speculation)
        stepper: Stepper = self._stepper
        self.counts = Counts()
        if speculation is not None:
            stepper = SpeculatingStepper(
                stepper,
                lambda: _OpenVinoStepper(self._build, facts, prefix_cache=prefix_cache),
                speculation,
                lambda request: guessed_at(speculation, request, echo=isinstance(request, _Echo)),
            )
            self.counts = stepper.counts
        self._worker = Worker(stepper, "openvino-engine")
        self._facts = facts
        self._scoring = threading.Lock()

    def submit(self, request: Request, on_chunk: Callable[[Chunk], None]) -> Slot:
        """Queue a request. Raises UserError for a constraint that is wrong, Unsupported for one it cannot follow and
        for an adapter: the pipeline's are everybody's, and a request's own is silently ignored."""
        if request.adapter:
            raise Unsupported("the engine openvino serves no adapters by name; use torch, or a merged release", "model")
        if request.constraint is not None:
            ebnf_of(request.constraint)
        return self._worker.submit(request, on_chunk)

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        """Log-prob (nats) of each completion token given all before it. Raises UserError on an empty prompt."""
        return self.score_many([(prompt_ids, completion_ids)])[0]

    def score_many(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """``score`` of each ``(prompt_ids, completion_ids)``.

        The pipeline echoes log-probs only of tokens that its prefix cache does not hold, and no call empties that
        cache, so completions it has seen are scored by a second pipeline without one, opened for this call alone.
        """
        for prompt, completion in pairs:
            check_scored(prompt, completion, context=self._facts.context, vocabulary=self._facts.vocabulary)
        found = _echo(self._worker, pairs)
        missing = [i for i, logprobs in enumerate(found) if logprobs is None]
        if missing:
            again = self._score_apart([pairs[i] for i in missing])
            found = [found[i] if i not in missing else again[missing.index(i)] for i in range(len(pairs))]
        return [logprobs for logprobs in found if logprobs is not None]

    def _score_apart(self, pairs: Sequence[Pair]) -> list[list[float] | None]:
        with self._scoring:
            worker = Worker(_OpenVinoStepper(self._build, self._facts, prefix_cache=False), "openvino-scorer")
            try:
                found = _echo(worker, pairs)
            finally:
                worker.close()
        assert None not in found, "without a prefix cache every token is echoed"
        return found

    def on_turn(self, told: Callable[[], None]) -> None:
        """``told`` is called from the engine's thread whenever the chunks of a step have been handed out."""
        self._worker.on_turn(told)

    def cache_use(self) -> CacheUse:
        """What the paged cache holds now, as the pipeline itself counts it; its room is made at the first request."""
        return self._worker.call(self._stepper.cache_use)

    def close(self) -> None:
        """Cancel what runs, join the thread and free the weights."""
        self._worker.close()


def _draft(speculation: Speculation | None, folder: Path, workdir: Path | None) -> Path | None:
    """The draft's IR folder where one is asked for; by default the model itself, at four bits, drafts."""
    if speculation is None or speculation.way != "draft":
        return None
    return draft_of(speculation.draft or folder, folder, speculation.draft_kind, workdir)


class _Build:
    """All that a pipeline is opened from."""

    def __init__(
        self, gguf: Path, properties: dict[str, Any], cache_gb: int, batch_tokens: int = _BATCH_TOKENS
    ) -> None:
        self._batch_tokens = batch_tokens
        self.gguf, self._properties, self._cache_gb = gguf, properties, cache_gb

    def __call__(self, *, prefix_cache: bool) -> Any:
        import openvino_genai as genai

        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = self._cache_gb
        scheduler.max_num_batched_tokens = self._batch_tokens
        scheduler.max_num_seqs = _CAPACITY
        scheduler.enable_prefix_caching = prefix_cache
        return genai.ContinuousBatchingPipeline(str(self.gguf), scheduler, "CPU", dict(self._properties))


class _Echo(Request):
    """A request whose prompt is scored: its chunk holds the log-probs of the prompt's computed tokens."""

    __slots__ = ()


class _OpenVinoStepper:
    def __init__(
        self,
        build: _Build,
        facts: ModelFacts,
        *,
        prefix_cache: bool = True,
        speculation: Speculation | None = None,
    ) -> None:
        self.capacity = _CAPACITY
        self._speculation = speculation
        self._build, self._facts, self._prefix_cache = build, facts, prefix_cache
        self._pipeline: Any = build(prefix_cache=prefix_cache)
        self._handles: dict[Slot, Any] = {}
        self._count = 0

    def admit(self, slot: Slot) -> Chunk | None:
        import numpy as np
        import openvino as ov
        import openvino_genai as genai

        request = slot.request
        echo = isinstance(request, _Echo)
        left = room(request, context=self._facts.context + echo, vocabulary=self._facts.vocabulary)
        if self._pipeline is None:
            self._pipeline = self._build(prefix_cache=self._prefix_cache)
        self._count += 1
        ids = ov.Tensor(np.array([request.prompt_ids], dtype=np.int64))
        config = _config(request.sampling, left, echo=echo)
        configure(config, self._speculation)
        if request.constraint is not None:
            config.structured_output_config = genai.StructuredOutputConfig(grammar=ebnf_of(request.constraint))
        self._handles[slot] = self._pipeline.add_request(self._count, ids, config)
        return None

    def step(self) -> Iterable[tuple[Slot, Chunk]]:
        self._pipeline.step()
        chunks = [(slot, chunk) for slot, handle in self._handles.items() if (chunk := _read(handle)) is not None]
        for slot, chunk in chunks:
            if chunk.finish is not None:
                del self._handles[slot]
        return chunks

    def cache_use(self) -> CacheUse:
        if self._pipeline is None:
            return CacheUse(0, 0)
        metrics = self._pipeline.get_metrics()
        return CacheUse.of(metrics.kv_cache_size_in_bytes, metrics.cache_usage / 100)

    def drop(self, slot: Slot) -> None:
        self._handles.pop(slot).cancel()
        if not self._handles and self._pipeline.has_non_finished_requests():
            self._pipeline.step()  # the pipeline frees what was cancelled at its next step

    def reset(self) -> None:
        """A pipeline that failed in a step keeps its broken requests, so a new one is opened for the next request."""
        self._handles, self._pipeline = {}, None
        give_back()

    def close(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self.reset()


def _config(sampling: Sampling, max_tokens: int, *, echo: bool) -> Any:
    import openvino_genai as genai

    config = genai.GenerationConfig()
    config.max_new_tokens = max_tokens
    config.logprobs = 1
    config.echo = echo
    if sampling.stop_ids:
        config.stop_token_ids = set(sampling.stop_ids)
        config.eos_token_id = sampling.stop_ids[0]
    else:
        config.ignore_eos = True  # else the pipeline would put the tokenizer's own end in place
    if sampling.temperature > 0:
        config.do_sample = True
        config.temperature = sampling.temperature
        config.top_p = sampling.top_p
        config.rng_seed = _seed(sampling.seed)
    return config


def _seed(seed: int | None) -> int:
    if seed is not None:
        return seed & 0xFFFFFFFF
    import secrets

    return secrets.randbits(32)


def _read(handle: Any) -> Chunk | None:
    """What a request has produced since it was last read, or None."""
    import openvino_genai.py_openvino_genai as genai

    ids: list[int] = []
    logprobs: list[float] = []
    finish: Finish | None = None
    while handle.can_read():
        for output in handle.read().values():
            ids += output.generated_ids
            logprobs += output.generated_log_probs
            if output.finish_reason == genai.GenerationFinishReason.STOP:
                finish = "stop"
            elif output.finish_reason == genai.GenerationFinishReason.LENGTH:
                finish = "length"
    if handle.get_status() == genai.GenerationStatus.IGNORED:
        return Chunk(tuple(ids), tuple(logprobs), "error", "the request does not fit into the engine's cache")
    return Chunk(tuple(ids), tuple(logprobs), finish) if ids or finish else None


def _echo(worker: Worker, pairs: Sequence[Pair]) -> list[list[float] | None]:
    """Log-probs of each completion by echoing it, None where the prefix cache kept some from being computed."""
    gathered = [Gather() for _ in pairs]
    for (prompt, completion), gather in zip(pairs, gathered, strict=True):
        worker.submit(_Echo((*prompt, *completion), Sampling(max_tokens=1)), gather.take)
    found: list[list[float] | None] = []
    for (_, completion), gather in zip(pairs, gathered, strict=True):
        echoed = gather.completion("")
        if echoed.finish != "length":
            raise RuntimeError(f"scoring ended with {echoed.finish}: {echoed.error}")
        # One log-prob for each computed row; the last one belongs to the token generated after the completion.
        computed = echoed.logprobs[:-1]
        known = len(computed) >= len(completion)
        found.append(list(computed[len(computed) - len(completion) :]) if known else None)
    return found
