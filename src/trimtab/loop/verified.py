"""Served = trained at every load: a release's bytes, template and log-probs are held against its record, or refused."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from trimtab.engine import Finding, check_record, check_trained, probes, prove, record, same, usable
from trimtab.loop.adapters import answering_folder
from trimtab.loop.behaviour import Arm, open_arm
from trimtab.loop.config import Serving
from trimtab.model import Dialect
from trimtab.records import Release, UserError, digest
from trimtab.release import get, register
from trimtab.store import Store
from trimtab.tools import Effects

_log = logging.getLogger("trimtab.verified")
_LOCAL = "proof"
"""Records made on another machine or engine than the release's own, by release and setting."""


class Mismatch(UserError):
    """What would be served is not the release: which check failed, what it expected and what it found."""

    def __init__(self, release: str, finding: Finding) -> None:
        self.release, self.finding = release, finding
        super().__init__(
            f"release {release[:12]} is not served: its {finding.check} check found {finding.found}",
            expected=finding.expected,
            fix=f"See `trimtab verify {release[:12]}`; restore the file, or roll back to a release that passes",
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `trimtab verify` found, every check that could be made. ``seconds``: of the checks, without the loading."""

    release: str
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        rows = [asdict(finding) for finding in self.findings]
        return {"release": self.release, "passed": self.passed, "seconds": self.seconds, "findings": rows}


def open_verified(store: Store, ref: str, serving: Serving, effects: Effects, **how: Any) -> Arm:
    """``open_arm`` (``how``: its options) for a release that is what was recorded.

    One without a record (π0, or from before there were any) gets one where its engine agrees with the trainer.
    Raises UserError: Mismatch where a check fails.
    """
    release, start = get(store, ref), time.perf_counter()
    _hold(release, check_files(store, ref))
    files = time.perf_counter() - start
    try:
        arm = open_arm(store, release.behaviour, serving, effects, **how)
    except UserError as error:
        raise _of(release, error) from error
    try:
        start = time.perf_counter()
        _hold(release, _check_engine(store, release, arm))
    except BaseException:
        arm.close()
        raise
    _log.info("release %s verified in %.2f s", release.digest[:12], files + time.perf_counter() - start)
    return arm


def verify(store: Store, ref: str, serving: Serving, effects: Effects) -> Verdict:
    """Every check of a release on an engine of its own, the trainer's log-probs included. Leaves no record."""
    release, start = get(store, ref), time.perf_counter()
    findings = list(check_files(store, ref))
    seconds = time.perf_counter() - start
    if not all(finding.passed for finding in findings):
        return Verdict(release.digest, tuple(findings), seconds)
    try:
        arm = open_arm(store, release.behaviour, serving, effects)
    except UserError as error:
        return Verdict(release.digest, (*findings, Finding("engine", False, "one that opens", str(error))), seconds)
    try:
        start = time.perf_counter()
        findings += _check_both_halves(store, release, arm)
        return Verdict(release.digest, tuple(findings), seconds + time.perf_counter() - start)
    finally:
        arm.close()


def check_files(store: Store, ref: str) -> Iterator[Finding]:
    """The manifest, every artefact that it names and the chat template, against their digests."""
    behaviour, named = get(store, ref).behaviour, store.aliases.get(ref) or ref
    yield same("manifest", named if len(named) == len(behaviour.digest) else behaviour.digest, behaviour.digest)
    for name in ("model", "tools", "policy", "index"):
        if artefact := getattr(behaviour, name):
            whole = store.artefacts.verify(artefact)
            found = "these" if whole else f"others in {store.artefacts.path(artefact)}"
            yield Finding(name, whole, f"the bytes of artefact {artefact[:12]}", found)
    yield same("chat template", behaviour.chat_template, Dialect.of(store.artefacts.path(behaviour.model)).digest)


def _check_engine(store: Store, release: Release, arm: Arm) -> Iterator[Finding]:
    """The replay; the trainer too where there is no record yet. What passes in a new setting leaves a record there."""
    if not arm.engine.caps.score:
        _log.warning("release %s: its engine gives no log-probs to replay", release.digest[:12])
        return
    yield same("precision", release.behaviour.precision, arm.engine.caps.precision)
    now = prove(arm.engine, arm.chat.dialect)
    recorded = _recorded(store, release, now["setting"])
    if recorded is None:
        yield _check_trainer(store, arm, now)
        register(store, replace(release, logprob_record=now))
        return
    yield from check_record(recorded, now)
    if recorded["setting"] != now["setting"]:
        store.put(_LOCAL, _key(release, now["setting"]), now)


def _check_both_halves(store: Store, release: Release, arm: Arm) -> Iterator[Finding]:
    if not arm.engine.caps.score:
        yield Finding("log-probs", False, "an engine that gives log-probs", f"{arm.engine.caps.name}, which gives none")
        return
    now = prove(arm.engine, arm.chat.dialect)
    if (recorded := _recorded(store, release, now["setting"])) is not None:
        for finding in check_record(recorded, now):
            yield finding
            if not finding.passed:
                return
    yield _check_trainer(store, arm, now)


def _recorded(store: Store, release: Release, setting: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The record that fits best: made in this setting, else the release's own."""
    local = store.get(_LOCAL, _key(release, setting))
    return next((one for one in (local, release.logprob_record) if one and usable(one)), None)


def _check_trainer(store: Store, arm: Arm, now: Mapping[str, Any]) -> Finding:
    """The engine's record against the trainer's arithmetic on the same weights: float32 PyTorch."""
    from trimtab.engine import TorchEngine

    trainer = TorchEngine(answering_folder(store, arm.behaviour), dtype="float32")
    try:
        return check_trained(record(trainer, probes(arm.chat.dialect)), now)
    finally:
        trainer.close()


def _hold(release: Release, findings: Iterable[Finding]) -> None:
    for finding in findings:
        if not finding.passed:
            raise Mismatch(release.digest, finding)


def _of(release: Release, error: UserError) -> UserError:
    """What went wrong in opening it, said of the release."""
    text = f"release {release.digest[:12]} is not served: {error.message}"
    return UserError(text, file=error.file, field=error.field, expected=error.expected, fix=error.fix)


def _key(release: Release, setting: Mapping[str, str]) -> str:
    return f"{release.digest}:{digest(setting)}"
