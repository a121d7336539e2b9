"""A release's scorecard: its assistant opened, the cases answered as they would be served, the drift measured."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trimtab.curate import import_cases, is_sealed, read_header, sealed_path
from trimtab.engine import Engine, prove, record, served_as_trained
from trimtab.evaluate import SCORING, Suite, Wording, evaluate, load_suite, make_suite
from trimtab.guard import Policy, load_policy
from trimtab.loop.behaviour import Arm, behaviour_of, open_arm, toolbox_of
from trimtab.loop.embedding import embedding
from trimtab.loop.material import fresh_cases
from trimtab.loop.policy_texts import policy_texts
from trimtab.loop.reading import instrument_of, movement, temperatures
from trimtab.loop.shards import TEXT_KEY, current_user, judging, shard_digest
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace
from trimtab.model import Dialect, load_tokenizer, resolve
from trimtab.records import (
    Behaviour,
    Case,
    Message,
    Progress,
    Scorecard,
    case_from_json,
    digest,
    read_jsonl,
    scorecard_from_json,
)
from trimtab.release import get
from trimtab.store import Store
from trimtab.store.unseal import Visitor, open_sealed
from trimtab.tools import Rehearsal, with_system

_NOW = 1_790_000_000.0
"""The time that tools see while a suite is answered: fixed, so that equal releases give equal transcripts."""
BASE = "base"
"""What π0 is called where a release is asked for."""
_KIND = "judged"
_PROBES = 6
"""Sequences on which served = trained is checked."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A scorecard, and how far what is served is from what was trained (nats a token; None where not measured)."""

    scorecard: Scorecard
    served_difference: float | None = None
    logprob_record: Mapping[str, object] | None = None

    def value(self, name: str) -> float:
        """A metric's value, 0 where nothing could be scored."""
        metric = self.scorecard.metrics.get(name)
        return metric.value if metric is not None else 0.0


def sealed_suite(workspace: Workspace, purpose: str = "evaluate") -> Suite:
    """The sealed cases: active shards, sealed sides of split sources, the red team's test part, and fresh batteries.

    Each shard's look is in the ledger, with who and ``purpose``, before its text is read.
    """
    config, root = workspace.config, workspace.root
    visitor = Visitor(current_user(), purpose, time.time())
    cases = [case for path in judging(workspace) for case in _read_shard(workspace, path, visitor)]
    cases += import_cases(config.data, root, toolbox_of(workspace, Rehearsal()).schemas)
    suite = make_suite(cases, "sealed", config.evaluate.limit)
    fresh = fresh_cases(workspace, suite.cases)
    return make_suite((*suite.cases, *fresh)) if fresh else suite


def _read_shard(workspace: Workspace, path: Path, visitor: Visitor) -> list[Case]:
    """One shard's cases, sealed or open: the only place where sealed text is read."""
    shard, store = path.as_posix(), workspace.store
    if not is_sealed(workspace.root / path):
        store.ledger.look(shard, shard_digest(workspace, path), visitor.who, visitor.purpose, visitor.time)
        return read_jsonl(workspace.path(path), case_from_json)
    header, file = read_header(workspace.root / path), sealed_path(workspace.root / path)
    text = open_sealed(file, shard, header.content, workspace.state / TEXT_KEY, store.ledger, visitor)
    return [case_from_json(json.loads(line)) for line in text.decode("utf-8-sig").splitlines() if line.strip()]


def judge_development(context: Context, model: str, limit: int) -> Judged:
    """The development cases (disjoint from training and from the quarantine), drift left out."""
    workspace = context.workspace
    return judge(context, behaviour_of(workspace, model), development_suite(workspace, limit), base=None)


def development_suite(workspace: Workspace, limit: int | None) -> Suite:
    """The cases that may be looked at while building. Raises UserError where there is none."""
    return load_suite([workspace.path(path) for path in workspace.config.cases.development], "development", limit)


def judge_release(workspace: Workspace, which: str, progress: Progress) -> Scorecard:
    """A release (``base``: π0 as it would be served here) on the sealed cases, for `trimtab evaluate`."""
    context = Context(workspace, {}, progress, "evaluate")
    base = workspace.store.artefacts.put(resolve(workspace.config.model, progress=progress))
    return judge(context, behaviour_named(workspace, which, progress), sealed_suite(workspace), base).scorecard


def behaviour_named(workspace: Workspace, which: str, progress: Progress) -> Behaviour:
    """The behaviour of a release by digest, prefix or alias; ``base`` is π0's in this workspace."""
    if which != BASE:
        return get(workspace.store, which).behaviour
    return behaviour_of(workspace, workspace.store.artefacts.put(resolve(workspace.config.model, progress=progress)))


def judge(context: Context, behaviour: Behaviour, suite: Suite, base: str | None) -> Judged:
    """One behaviour on one suite, from the store where it is known. ``base``: π0's artefact, for drift and equality."""
    store, key = context.workspace.store, judged_key(context.workspace, behaviour, suite, base)
    if (known := judged(store, key)) is not None:
        return known
    arm = open_arm(store, behaviour, context.workspace.config.serving, Rehearsal())
    try:
        # Taken first: a release is replayed on an engine just opened, and must have been recorded on one.
        recorded = prove(arm.engine, arm.chat.dialect) if base is not None and arm.engine.caps.score else None
        fresh = replace(_judged(context, arm, suite, base), logprob_record=recorded)
    finally:
        arm.close()
    row = {"scorecard": fresh.scorecard.to_json(), "served": fresh.served_difference, "record": fresh.logprob_record}
    store.put(_KIND, key, row)
    return fresh


def judged_key(workspace: Workspace, behaviour: Behaviour, suite: Suite, base: str | None) -> str:
    """What decides on the numbers: behaviour, cases, π0, and how answers are scored."""
    scoring = workspace.config.evaluate.model_dump(exclude={"concurrency", "limit", "batteries"})
    return f"{behaviour.digest}:{suite.digest}:{base}:{digest([SCORING, scoring])}"


def judged(store: Store, key: str) -> Judged | None:
    """What is kept under a key of ``judged_key``."""
    if (row := store.get(_KIND, key)) is None:
        return None
    return Judged(scorecard_from_json(row["scorecard"]), row["served"], row["record"])


def _judged(context: Context, arm: Arm, suite: Suite, base: str | None) -> Judged:
    workspace, store = context.workspace, context.workspace.store
    folder = store.artefacts.path(arm.behaviour.model)
    wording = wording_of(load_policy(workspace.path(workspace.config.files.policy)), workspace)
    sealed = base is not None  # the development part gives temperatures and is not judged by them
    scorecard = asyncio.run(
        evaluate(
            arm.assistant,
            suite,
            workspace.config.evaluate,
            release=arm.behaviour.digest,
            vocab_size=len(load_tokenizer(folder)),
            now=_NOW,
            store=store,
            wording=wording,
            moved=movement(context, arm, suite, base) if base is not None else None,
            instrument=instrument_of(arm),
            temperatures=temperatures(context, arm, wording, _NOW) if sealed else None,
            embed=embedding(workspace.config.data) if sealed else None,
            progress=context.progress,
            root=workspace.root,
        )
    )
    if base is None:
        return Judged(scorecard)
    return Judged(scorecard, _served(context, arm, suite.cases))


def _served(context: Context, arm: Arm, cases: Sequence[Case]) -> float:
    """Mean |Δ log-prob| of the serving engine to the trainer's arithmetic."""
    from trimtab.engine import TorchEngine

    folder = context.workspace.store.artefacts.path(arm.behaviour.model)
    sequences = _sequences(arm, cases)
    trainer: Engine = TorchEngine(folder, dtype="float32")
    try:
        trained = record(trainer, sequences)
    finally:
        trainer.close()
    return served_as_trained(arm.engine, trained)


def _sequences(arm: Arm, cases: Sequence[Case]) -> list[tuple[list[int], list[int]]]:
    """Fixed sequences: the first cases' prompts, each followed by the user's own words as if they were an answer."""
    dialect: Dialect = arm.chat.dialect
    schemas = arm.assistant.toolbox.schemas
    sequences = []
    for case in sorted(cases, key=lambda case: case.id)[:_PROBES]:
        messages = with_system(case.messages, arm.behaviour.system_prompt)
        prompt = dialect.encode(messages, case.tools or schemas, reply=True)
        answer = Message("assistant", next(turn.content for turn in messages if turn.role == "user"))
        whole = dialect.encode((*messages, answer), case.tools or schemas)
        sequences.append((prompt, whole[len(prompt) :]))
    return sequences


def wording_of(policy: Policy, workspace: Workspace) -> Wording:
    """The texts by which declining and deferring are known: the policy's, and those that adapters teach."""
    texts = workspace.config.data.texts
    return Wording(
        declines=(*policy_texts(policy, "decline"), *texts.decline, *texts.cannot),
        defers=(*policy_texts(policy, "defer"), *policy_texts(policy, "citations"), *texts.missing),
    )


def without_answers(scorecard: Scorecard) -> Scorecard:
    """The scorecard as a release carries it: numbers by case, without the sealed transcripts."""
    return replace(scorecard, answers={})
