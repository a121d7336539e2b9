"""From per-case scores to a Scorecard: every metric with its count, its interval and what was left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from trimtab.evaluate.action import MARKERS_ONLY, Wording
from trimtab.evaluate.config import DEFAULTS, EvaluateConfig
from trimtab.evaluate.confusion import confusion_slices
from trimtab.evaluate.metrics import Scores, is_attack, mean_metric
from trimtab.evaluate.probes import observed_action, score_case
from trimtab.evaluate.routes.robustness import drops
from trimtab.evaluate.suite import Suite, is_redteam
from trimtab.evaluate.transcript import Transcript
from trimtab.evaluate.whole import calibration, diversity
from trimtab.records import ACTIONS, Action, Case, Metric, Scorecard

SLICES = ("battery", "variant", "kind", "domain", "difficulty", "severity")


def score_suite(
    suite: Suite,
    transcripts: Mapping[str, Transcript],
    *,
    release: str,
    vocab_size: int,
    config: EvaluateConfig = DEFAULTS,
    wording: Wording = MARKERS_ONLY,
    kl_to_base: Scores | None = None,
) -> Scorecard:
    """The scorecard of one release on one suite; pure.

    ``kl_to_base``: case id -> mean full-vocabulary KL a token. Per-case scores are kept for paired comparison: for the
    ECE its influence values (their mean is the ECE), for the EAD its jackknife pseudo-values (their mean is the
    bias-corrected EAD). A metric that no case could be scored for is absent, which a gate takes as failed.
    ``unscored`` is the share of cases that were cut off or ended by an error.
    """
    scoring = _Scoring(suite, transcripts, config, wording)
    columns = scoring.columns(kl_to_base or {})
    metrics = {name: metric for name, scores in columns.items() if (metric := scoring.mean(name, scores))}
    quality = {case_id: one for case_id, one in transcripts.items() if case_id in scoring.quality}
    for found in (
        calibration(scoring.quality, quality, wording, scoring.clusters, config),
        diversity(quality, vocab_size, scoring.clusters, config.level),
        drops(suite.cases, columns, scoring.clusters, config.level),
    ):
        metrics |= {name: metric for name, (metric, _) in found.items()}
        columns |= {name: scores for name, (_, scores) in found.items()}
    return Scorecard(
        suite=suite.name,
        suite_digest=suite.digest,
        release=release,
        metrics=metrics,
        cases=columns,
        clusters=scoring.clusters,
        slices=scoring.slices(columns) | scoring.action_slices() | confusion_slices(scoring.actions, config.level),
        answers={case.id: scoring.answer(case) for case in suite.cases} if config.keep_answers else {},
    )


@dataclass(frozen=True)
class _Scoring:
    """One suite with its transcripts, and what is counted over them."""

    suite: Suite
    transcripts: Mapping[str, Transcript]
    config: EvaluateConfig
    wording: Wording

    @cached_property
    def clusters(self) -> dict[str, str]:
        """Case id -> cluster; a case without one stands alone."""
        return {case.id: str(case.labels.get("cluster", case.id)) for case in self.suite.cases}

    @cached_property
    def quality(self) -> dict[str, Case]:
        """The cases that are no attacks."""
        return {case.id: case for case in self.suite.cases if not is_redteam(case)}

    @cached_property
    def left_out(self) -> dict[str, float]:
        """1 for a case that could not be judged; attacks are judged even where they were cut off."""
        return {
            case.id: float(one.outcome is None if is_redteam(case) else not one.scored)
            for case in self.suite.cases
            if (one := self.transcripts[case.id])
        }

    @cached_property
    def actions(self) -> dict[str, tuple[Action, Action | None]]:
        """Case id -> the action that was due and the one observed."""
        return {
            case_id: (case.expected.action, observed_action(case, one.outcome, self.wording))
            for case_id, case in self.quality.items()
            if (one := self.transcripts[case_id]).scored and one.outcome is not None
        }

    def columns(self, kl_to_base: Scores) -> dict[str, dict[str, float]]:
        """Metric -> case id -> score."""
        found: dict[str, dict[str, float]] = {}
        for case in self.suite.cases:
            for name, score in score_case(case, self.transcripts[case.id], self.wording).items():
                found.setdefault(name, {})[case.id] = score
        extra = {"unscored": self.left_out, "kl_to_base": dict(kl_to_base)}
        return found | {name: scores for name, scores in extra.items() if scores}

    def mean(self, name: str, scores: Scores) -> Metric | None:
        lost = sum(
            1
            for case_id, out in self.left_out.items()
            if out and case_id not in scores and is_attack(name) == (case_id not in self.quality)
        )
        return mean_metric(name, scores, self.clusters, self.config.level, lost)

    def slices(self, columns: Mapping[str, Scores]) -> dict[str, dict[str, Metric]]:
        """``label=value`` -> metric, for each label that slices; what is no mean over cases is left out."""
        members: dict[str, set[str]] = {}
        for case in self.suite.cases:
            for label in SLICES:
                if (value := case.labels.get(label)) is not None:
                    members.setdefault(f"{label}={value}", set()).add(case.id)
        whole = {"ece", "ead"} | {name for name in columns if name.startswith("robustness_")}
        plain = {name: scores for name, scores in columns.items() if name not in whole}
        return {name: self._means(_within(plain, members[name])) for name in sorted(members)}

    def action_slices(self) -> dict[str, dict[str, Metric]]:
        """``action=decline`` and its like -> precision and recall of that choice."""
        found = {}
        for action in ACTIONS:
            chosen = {
                "precision": {name: float(due == action) for name, (due, did) in self.actions.items() if did == action},
                "recall": {name: float(did == action) for name, (due, did) in self.actions.items() if due == action},
            }
            if metrics := self._means(chosen):
                found[f"action={action}"] = metrics
        return found

    def answer(self, case: Case) -> dict[str, object]:
        """What a reader of the scorecard sees of one case."""
        transcript = self.transcripts[case.id]
        if (outcome := transcript.outcome) is None:
            return {"error": transcript.error}
        return {
            "answer": outcome.answer,
            "raw_answer": outcome.raw_answer,
            "calls": [call.to_json() for call in outcome.calls],
            "finish": outcome.finish,
            "action": observed_action(case, outcome, self.wording),
            "expected": case.expected.action,
        }

    def _means(self, columns: Mapping[str, Scores]) -> dict[str, Metric]:
        means = {name: mean_metric(name, scores, self.clusters, self.config.level) for name, scores in columns.items()}
        return {name: metric for name, metric in means.items() if metric}


def _within(columns: Mapping[str, Scores], ids: set[str]) -> dict[str, Scores]:
    return {
        name: {case_id: score for case_id, score in scores.items() if case_id in ids}
        for name, scores in columns.items()
    }
