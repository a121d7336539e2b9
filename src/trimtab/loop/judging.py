"""A release's scorecard: its assistant opened, the cases answered as they would be served, the drift measured."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trimtab.curate import import_cases, is_sealed, read_header, sealed_path
from trimtab.engine import Engine, prove, record, served_as_trained
from trimtab.evaluate import Suite, Transcript, Wording, evaluate, kl_to_base, load_suite, make_battery, make_suite
from trimtab.guard import Policy, load_policy
from trimtab.loop.behaviour import Arm, behaviour_of, open_arm, toolbox_of
from trimtab.loop.policy_texts import policy_texts
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
    read_jsonl,
    scorecard_from_json,
)
from trimtab.release import get
from trimtab.store.unseal import Visitor, open_sealed
from trimtab.tools import Rehearsal, with_system

_NOW = 1_790_000_000.0
"""The time that tools see while a suite is answered: fixed, so that equal releases give equal transcripts."""
_DRIFT_CASES = 40
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
    fresh = [
        case
        for name, one in config.evaluate.batteries.items()
        for case in make_battery(name, one.cases, one.seed, suite.cases)
    ]
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
    suite = load_suite([workspace.path(path) for path in workspace.config.cases.development], "development", limit)
    return judge(context, behaviour_of(workspace, model), suite, base=None)


def judge_release(workspace: Workspace, which: str, progress: Progress) -> Scorecard:
    """A registered release on the sealed cases, for `trimtab evaluate`."""
    context = Context(workspace, {}, progress, "evaluate")
    base = workspace.store.artefacts.put(resolve(workspace.config.model, progress=progress))
    return judge(context, get(workspace.store, which).behaviour, sealed_suite(workspace), base).scorecard


def judge(context: Context, behaviour: Behaviour, suite: Suite, base: str | None) -> Judged:
    """One behaviour on one suite, from the store where it is known. ``base``: π0's artefact, for drift and equality."""
    store, key = context.workspace.store, f"{behaviour.digest}:{suite.digest}:{base}"
    if (known := store.get("judged", key)) is not None:
        return Judged(scorecard_from_json(known["scorecard"]), known["served"], known["record"])
    arm = open_arm(store, behaviour, context.workspace.config.serving, Rehearsal())
    try:
        # Taken first: a release is replayed on an engine just opened, and must have been recorded on one.
        recorded = prove(arm.engine, arm.chat.dialect) if base is not None and arm.engine.caps.score else None
        judged = replace(_judged(context, arm, suite, base), logprob_record=recorded)
    finally:
        arm.close()
    row = {
        "scorecard": judged.scorecard.to_json(),
        "served": judged.served_difference,
        "record": judged.logprob_record,
    }
    store.put("judged", key, row)
    return judged


def _judged(context: Context, arm: Arm, suite: Suite, base: str | None) -> Judged:
    workspace, store = context.workspace, context.workspace.store
    folder = store.artefacts.path(arm.behaviour.model)

    def drift(transcripts: Mapping[str, Transcript]) -> Mapping[str, float]:
        assert base is not None
        cases = sorted(suite.cases, key=lambda case: case.id)[:_DRIFT_CASES]
        schemas = arm.assistant.toolbox.schemas
        return kl_to_base(
            folder, store.artefacts.path(base), cases, transcripts, system=arm.behaviour.system_prompt, tools=schemas
        )

    scorecard = asyncio.run(
        evaluate(
            arm.assistant,
            suite,
            workspace.config.evaluate,
            release=arm.behaviour.digest,
            vocab_size=len(load_tokenizer(folder)),
            now=_NOW,
            store=store,
            wording=wording_of(load_policy(workspace.path(workspace.config.files.policy)), workspace),
            drift=drift if base is not None and base != arm.behaviour.model else None,
            progress=context.progress,
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
