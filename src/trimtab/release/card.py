"""The model card: a Hugging Face README whose every number was measured, and the newer results list beside it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trimtab.records import Metric, Release, Scorecard, scorecard_from_json
from trimtab.release.paired import delta
from trimtab.release.tables import interval, plain, short, table

_TASK = "text-generation"


@dataclass(frozen=True, slots=True)
class Source:
    """A data set that taught the model: what it is, under which licence, how many of its rows were learnt."""

    name: str
    rows: int | None = None
    license: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the scorecards cannot tell. ``date``: ISO 8601, when it was evaluated; ``known_risks`` in people's words."""

    name: str
    intended_use: str = ""
    sources: Sequence[Source] = ()
    known_risks: Sequence[str] = ()
    date: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """``readme`` is README.md; ``results`` goes to ``.eval_results/trimtab.yaml``."""

    readme: str
    results: str


def model_card(
    release: Release, facts: CardFacts, incumbent: Scorecard | None = None, base: Scorecard | None = None
) -> Card:
    """The card of a release, beside what it replaces and π0. What was not measured is said to be so."""
    card = scorecard_of(release)
    parts = [
        f"---\n{_metadata(release, facts, card)}\n---",
        f"# {facts.name}",
        _summary(release, facts),
        "## Results\n\n" + _results(card, incumbent, base),
        *_slices(card),
        "## Risks and limits\n\n" + _risks(card, facts),
        "## Gate\n\n" + _gate(release.gate),
        "## Training data\n\n" + _sources(facts.sources),
        "## How it was made\n\n" + _steps(release),
        "## Behaviour\n\n" + _behaviour(release),
    ]
    return Card("\n\n".join(parts) + "\n", _newer_results(facts, card))


def scorecard_of(release: Release) -> Scorecard | None:
    """The release's scorecard; None where it was never evaluated."""
    return scorecard_from_json(release.scorecard) if release.scorecard else None


def _metadata(release: Release, facts: CardFacts, card: Scorecard | None) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=_TASK,
            dataset_type=card.suite,
            dataset_name=card.suite,
            dataset_revision=card.suite_digest,
            metric_type=name,
            metric_name=plain(name),
            metric_value=round(metric.value, 6),
        )
        for name, metric in _measured(card)
        if card is not None
    ]
    data = ModelCardData(
        language=facts.language or None,
        license=release.license or None,
        library_name="transformers",
        pipeline_tag=_TASK,
        tags=["trimtab"],
        base_model=release.base_model if _is_hub_id(release.base_model) else None,
        metrics=[name for name, _ in _measured(card)] or None,
        model_name=facts.name if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml())


def _newer_results(facts: CardFacts, card: Scorecard | None) -> str:
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    entries = [
        EvalResultEntry(
            dataset_id=card.suite,
            task_id=name,
            dataset_revision=card.suite_digest,
            value=round(metric.value, 6),
            date=facts.date or None,
            notes=f"n={metric.n}, 95% interval [{metric.ci_low:.4f}, {metric.ci_high:.4f}]",
        )
        for name, metric in _measured(card)
        if card is not None
    ]
    return str(yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True))


def _measured(card: Scorecard | None) -> list[tuple[str, Metric]]:
    if card is None:
        return []
    return [(name, metric) for name, metric in card.metrics.items() if metric.n and math.isfinite(metric.value)]


def _is_hub_id(name: str) -> bool:
    owner, _, model = name.partition("@")[0].partition("/")
    return bool(owner) and bool(model) and not name.startswith((".", "/")) and "/" not in model and ":" not in name


def _summary(release: Release, facts: CardFacts) -> str:
    lines = [f"Release `{release.digest}`, taught from `{release.base_model or 'not recorded'}`."]
    if facts.intended_use:
        lines.append(facts.intended_use)
    lines.append(
        "Every number below was measured on the suite named, with the count of its cases and a 95% interval; "
        "changes are case by case where cases are scored. What is marked as not measured was not measured."
    )
    return "\n\n".join(lines)


def _results(card: Scorecard | None, incumbent: Scorecard | None, base: Scorecard | None) -> str:
    if card is None:
        return "Not measured."
    rows = []
    for name, metric in card.metrics.items():
        change = delta(card, incumbent, name) if incumbent and incumbent.suite_digest == card.suite_digest else None
        rows.append(
            [
                plain(name),
                {"higher": "up", "lower": "down", "none": "-"}[metric.direction],
                interval(metric),
                _beside(incumbent, name),
                _beside(base, name),
                "-"
                if change is None
                else f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}] {change.moved}",
            ]
        )
    head = ["metric", "better", "this release", "incumbent", "base (π0)", "change against the incumbent"]
    return f"Suite `{card.suite}` (`{short(card.suite_digest)}`).\n\n" + table(head, rows)


def _beside(card: Scorecard | None, name: str) -> str:
    metric = card.metrics.get(name) if card else None
    return "not measured" if metric is None else interval(metric)


def _slices(card: Scorecard | None) -> list[str]:
    if card is None or not card.slices:
        return []
    rows = [
        [slice_name, plain(name), interval(metric)]
        for slice_name, metrics in card.slices.items()
        for name, metric in metrics.items()
        if metric.n
    ]
    return ["## Slices\n\n" + table(["slice", "metric", "this release"], rows)]


def _risks(card: Scorecard | None, facts: CardFacts) -> str:
    lower = [(name, metric) for name, metric in _measured(card) if metric.direction == "lower"]
    lines = [f"- {plain(name)}: {interval(metric)}" for name, metric in lower]
    if not any("attack" in name for name, _ in lower):
        lines.append("- resistance to attacks: not measured")
    lines += [f"- {risk}" for risk in facts.known_risks]
    unscored = [(name, metric.unscored) for name, metric in _measured(card) if metric.unscored]
    lines += [f"- {plain(name)}: {count} cases could not be scored" for name, count in unscored]
    return "\n".join(lines)


def _gate(verdict: Mapping[str, Any]) -> str:
    if not verdict:
        return "Not gated."
    checks = verdict.get("checks", ())
    rows = [
        [plain(check["name"]), plain(check["kind"]), "passed" if check["passed"] else "**blocked**", check["reason"]]
        for check in checks
    ]
    return f"Verdict: **{verdict['verdict']}**.\n\n" + table(["check", "kind", "result", "why"], rows)


def _sources(sources: Sequence[Source]) -> str:
    if not sources:
        return "Not recorded."
    rows = [
        [one.name, "not recorded" if one.rows is None else str(one.rows), one.license or "not recorded", one.note]
        for one in sources
    ]
    return table(["source", "rows learnt", "licence", "note"], rows)


def _steps(release: Release) -> str:
    lines = [f"Parents: {', '.join(f'`{short(one)}`' for one in release.parents) or 'none'}."]
    for step in release.steps:
        name = str(step.get("name") or step.get("step") or "step")
        facts = "; ".join(_leaves({key: value for key, value in step.items() if key not in ("name", "step")}))
        lines.append(f"- **{name}**" + (f": {facts}" if facts else ""))
    return "\n".join(lines)


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, f"{prefix}{key}.")
        elif item not in (None, "", [], ()):
            yield f"{prefix}{key} {short(item) if isinstance(item, str) else item}"


def _behaviour(release: Release) -> str:
    rows = []
    for name, value in release.behaviour.to_json().items():
        text = ", ".join(_leaves(value)) if isinstance(value, Mapping) else short(str(value))
        rows.append([plain(name), text or "none"])
    return table(["part", "value"], rows)
