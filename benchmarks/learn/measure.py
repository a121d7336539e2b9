"""Measurements of a model folder: its answers by the engine that serves, its log-probs by the trainer's own pass."""

from collections.abc import Sequence
from pathlib import Path

import torch

from trimtab.engine import Completion, Request, Sampling, generate, kl_per_token, open_engine
from trimtab.engine.memory import give_back
from trimtab.model import Dialect, load_tokenizer
from trimtab.records import Case, Comparison, Message, ToolSchema
from trimtab.stats import Interval, mean_interval
from trimtab.train.config import TrainConfig
from trimtab.train.drift.measures import Answer, Reading, read_answers
from trimtab.train.forest.plant import pack
from trimtab.train.forest.precision import precision
from trimtab.train.rows import comparison_group
from trimtab.train.run import open_model

Prompt = tuple[Sequence[Message], Sequence[ToolSchema]]
Ids = tuple[int, ...]


def prompt_ids(folder: Path, prompts: Sequence[Prompt]) -> list[Ids]:
    dialect = Dialect.of(folder)
    return [tuple(dialect.encode(messages, tools, reply=True)) for messages, tools in prompts]


def completions(
    folder: Path, prompts: Sequence[Prompt], *, max_tokens: int, temperature: float = 0.0
) -> list[Completion]:
    """One answer a prompt; greedy unless a temperature is given (then seeded by the prompt's place)."""
    stop = Dialect.of(folder).stop_ids
    engine = open_engine("auto", folder)
    try:
        requests = [
            Request(ids, Sampling(max_tokens, temperature=temperature, seed=place, stop_ids=stop))
            for place, ids in enumerate(prompt_ids(folder, prompts))
        ]
        return generate(engine, requests)
    finally:
        engine.close()
        give_back()


def answers(folder: Path, prompts: Sequence[Prompt], *, max_tokens: int, temperature: float = 0.0) -> list[Ids]:
    """As ``completions``, the tokens alone."""
    found = completions(folder, prompts, max_tokens=max_tokens, temperature=temperature)
    return [completion.token_ids for completion in found]


def texts(folder: Path, found: Sequence[Ids]) -> list[Message]:
    """Answers as messages, tool calls parsed."""
    dialect = Dialect.of(folder)
    return [dialect.parse(dialect.decode(ids)) for ids in found]


def kl(policy: Path, base: Path, prompts: Sequence[Prompt], found: Sequence[Ids]) -> Interval:
    """Mean KL(policy ‖ base) a token, whole vocabulary, over the given answers; cases are the clusters."""
    pairs = [(prompt, answer) for prompt, answer in zip(prompt_ids(policy, prompts), found, strict=True) if answer]
    tokens = kl_per_token(policy, base, pairs)
    give_back()
    flat = [value for row in tokens for value in row]
    cases = [case for case, row in enumerate(tokens) for _ in row]
    return mean_interval(flat, cases, lower=0.0)


def pair_logprobs(folder: Path, pairs: Sequence[Comparison], token_budget: int = 4096) -> list[tuple[float, float]]:
    """``(log π(chosen), log π(rejected))`` of each pair, by the trainer's pass in float32."""
    dialect, numbers = Dialect.of(folder), precision("float32")
    groups = [comparison_group(pair, dialect) for pair in pairs]
    _, chosen = open_model(folder, groups, numbers, TrainConfig())
    found: dict[str, float] = {}
    for batch in pack(groups, token_budget, 1.0, share=chosen.share):
        with torch.no_grad():
            parts = torch.split(chosen.score(batch).logp, batch.seq_len.tolist())
        found |= {name: float(part.sum()) for name, part in zip(batch.example_id, parts, strict=True)}
    give_back()
    return [(found[f"{pair.id}/chosen"], found[f"{pair.id}/rejected"]) for pair in pairs]


def read_cases(
    folder: Path, base: Path, cases: Sequence[Case], tools: Sequence[ToolSchema], max_tokens: int
) -> Reading:
    """What the trainer's monitors read, from greedy answers to the cases: drift, diversity, manner, calibration."""
    prompts: list[Prompt] = [(case.messages, case.tools or tools) for case in cases]
    found = completions(folder, prompts, max_tokens=max_tokens)
    ids, dialect = prompt_ids(folder, prompts), Dialect.of(folder)
    given = [
        Answer(case, prompt, one.token_ids, one.logprobs, dialect.parse(dialect.decode(one.token_ids)).content)
        for case, prompt, one in zip(cases, ids, found, strict=True)
    ]
    nats = kl_per_token(folder, base, [(answer.prompt_ids, answer.token_ids) for answer in given])
    give_back()
    return read_answers(given, nats, len(load_tokenizer(folder)))
