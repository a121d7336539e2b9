"""The servers that answer for an engine: any with OpenAI's completions, and vLLM with what it offers more."""

import asyncio
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from trimtab.engine.core import Caps, Unsupported
from trimtab.engine.limits import check_scored
from trimtab.engine.lookup import Speculation
from trimtab.engine.remote import NO_LIMIT, RemoteEngine
from trimtab.engine.remote_link import Endpoint, Failed, Link, Sleep
from trimtab.engine.remote_wire import VLLM_CONSTRAINS, TextWire, TokenWire, scored
from trimtab.model.dialect import Dialect
from trimtab.model.folder import load_tokenizer
from trimtab.model.tokens import Pieces

Pair = tuple[Sequence[int], Sequence[int]]
_OLDEST_VLLM = (0, 11)


class OpenAiEngine(RemoteEngine):
    """Any server with OpenAI's /v1/completions (llama-server, vLLM, Trimtab's own gateway), spoken to in text.

    ``folder`` gives tokenizer and dialect. The prompt goes out with its special tokens spelled, which the server must
    read as such; the answer's ids are our tokenizer's, without the stop id; there are no log-probs. Where the server
    lists no ``max_model_len`` the context is the folder's, so that a longer prompt is refused here. ``prefix_cache``:
    whether the server may share computed prefixes between requests. A seed is sent, and kept as the server keeps it.
    Raises UserError where the server does not answer or does not have the model.
    """

    def __init__(
        self,
        folder: Path,
        *,
        endpoint: Endpoint,
        prefix_cache: bool = True,
        speculation: Speculation | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        _check_speculation("openai", speculation)
        wire = TextWire(endpoint.model, Dialect.of(folder), Pieces(load_tokenizer(folder)).exact)
        super().__init__(endpoint, wire, vocabulary=_vocabulary(folder), sleep=sleep)
        self.weights = f"openai:{endpoint.model}@{endpoint.url}"
        try:
            row = self.ask(_listed(self.link))
        except BaseException:
            self.close()
            raise
        context = row.get("max_model_len") if row else None
        context = context if isinstance(context, int) else _said_by(folder, "max_position_embeddings")
        self.caps = Caps(
            "openai",
            continuous=True,
            logprobs=False,
            score=False,
            seed=False,
            context=context,
            scoped_cache=not prefix_cache,
        )


class VllmEngine(RemoteEngine):
    """A vLLM server (0.11 or newer), token ids both ways; ``folder`` is the model that it serves.

    Its log-probs are the model's own in vLLM's default ``--logprobs-mode raw_logprobs``. ``precision`` is what the
    server was started with: it says so nowhere. Adapters are those it lists under the model when this opens.
    Raises UserError where the server does not answer, is none of vLLM's, or does not have the model.
    """

    def __init__(
        self,
        folder: Path,
        *,
        endpoint: Endpoint,
        precision: str = "",
        speculation: Speculation | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        _check_speculation("vllm", speculation)
        self._tokens = TokenWire(endpoint.model, secrets.token_bytes(32))
        super().__init__(endpoint, self._tokens, vocabulary=_vocabulary(folder), sleep=sleep)
        try:
            self.ask(_check_version(self.link))
            row = self.ask(_listed(self.link)) or {}
            names = self.ask(_adapters(self.link))
        except BaseException:
            self.close()
            raise
        self.weights = f"vllm:{endpoint.model}@{row.get('root') or endpoint.model}"
        self.caps = Caps(
            "vllm",
            continuous=True,
            context=int(row.get("max_model_len") or 0),
            scoped_cache=True,
            constrains=VLLM_CONSTRAINS,
            adapters=names,
            precision=precision,
        )

    def score(self, prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> list[float]:
        """Log-prob (nats) of each completion token given all before it. Raises UserError, also where both together
        leave no room for one token more: the server must generate one."""
        return self.score_many([(prompt_ids, completion_ids)])[0]

    def score_many(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """``score`` of each ``(prompt_ids, completion_ids)``, asked at once."""
        for prompt, completion in pairs:
            check_scored(prompt, completion, context=(self.caps.context or NO_LIMIT) - 1, vocabulary=self._vocabulary)
        return self.ask(self._scored(pairs))

    async def _scored(self, pairs: Sequence[Pair]) -> list[list[float]]:
        return await asyncio.gather(*(self._scored_one(list(prompt), list(rest)) for prompt, rest in pairs))

    async def _scored_one(self, prompt: list[int], completion: list[int]) -> list[float]:
        if not completion:
            return []
        ids = [*prompt, *completion]
        return scored(await self.link.json("/completions", self._tokens.score_body(ids)), ids, len(prompt))


async def _models(link: Link) -> list[Mapping[str, Any]] | None:
    """The server's models; None where it lists none. Raises Failed."""
    try:
        said = await link.json("/models")
    except Failed as error:
        if error.status in (404, 405, 501):
            return None
        raise
    rows = said.get("data") if isinstance(said, dict) else None
    if not isinstance(rows, list):
        raise Failed(f"{link.endpoint.url}/models lists no models")
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


async def _listed(link: Link) -> Mapping[str, Any] | None:
    """The model's own row; None where the server lists none. Raises Failed where it lists others only."""
    rows, wanted = await _models(link), link.endpoint.model
    if rows is None:
        return None
    for row in rows:
        if row["id"] == wanted:
            return row
    names = ", ".join(row["id"] for row in rows[:8]) or "none"
    raise Failed(f"{link.endpoint.url} has no model {wanted!r}; it lists {names}")


async def _adapters(link: Link) -> frozenset[str]:
    """Names of the LoRA adapters that vLLM lists under the model."""
    rows = await _models(link) or []
    return frozenset(row["id"] for row in rows if row.get("parent") == link.endpoint.model)


async def _check_version(link: Link) -> None:
    """Raises Failed for a server that is no vLLM, or so old that it would ignore what it is asked."""
    try:
        said = await link.json("/../version")
    except Failed as error:
        raise Failed(f"{error}: a vLLM server says its version; for others set serving.engine: openai") from error
    text = str(said.get("version", "")) if isinstance(said, dict) else ""
    found = re.match(r"(\d+)\.(\d+)", text)
    old = found is None or (int(found[1]), int(found[2])) < _OLDEST_VLLM
    if old and "dev" not in text:
        oldest = ".".join(map(str, _OLDEST_VLLM))
        raise Failed(f"{link.endpoint.url} is vLLM {text[:20] or 'of no version'}; {oldest} or newer is needed")


def _check_speculation(name: str, speculation: Speculation | None) -> None:
    if speculation is not None:
        raise Unsupported(f"the engine {name} guesses ahead as its server was told to", "speculation")


def _vocabulary(folder: Path) -> int:
    """How many token ids the model has: its config's, or the tokenizer's where that says none."""
    return _said_by(folder, "vocab_size") or len(load_tokenizer(folder))


def _said_by(folder: Path, field: str) -> int:
    """A number of the folder's ``config.json``, or of the language model's part of it; 0 where that says none."""
    with suppress(OSError, ValueError):
        config = json.loads((folder / "config.json").read_text("utf-8"))
        for part in (config, config.get("text_config")):
            if isinstance(part, dict) and isinstance(part.get(field), int):
                return int(part[field])
    return 0
