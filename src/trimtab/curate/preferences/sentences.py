"""What the findings mean, for people: a sentence for each alarm, with what can be done about it."""

from collections.abc import Iterator, Mapping
from typing import Any

Findings = Mapping[str, Any]


def sentences(findings: Findings) -> list[str]:
    """One sentence for each thing that a person should know; none where nothing sounded."""
    return [*_verdicts(findings), *_position(findings), *_templates(findings), *_shortcuts(findings)]


def _verdicts(findings: Findings) -> Iterator[str]:
    verdicts, shares = findings.get("verdicts") or {}, findings.get("shares") or {}
    if agreement := verdicts.get("agreement"):
        yield f"annotators agree with Krippendorff's alpha {_interval(agreement, 'alpha')} over {agreement['n']} pairs"
    for name in verdicts.get("careless", ()):
        accuracy = verdicts["annotators"][name]["accuracy"]
        yield f"{name} judges carelessly: estimated accuracy {_interval(accuracy)}"
    if shares and not shares["holds"]:
        yield (
            f"one annotator has {shares['largest']:.0%} of the weight ({shares['effective']:.1f} effective annotators);"
            " more people are needed to hold nobody above data.preferences.annotators.max_share"
        )


def _position(findings: Findings) -> Iterator[str]:
    position = findings.get("position") or {}
    if position.get("alarm"):
        share = _interval(position["first_wins"])
        yield f"the answer shown first wins {share} of the time: show answers in random order"


def _templates(findings: Findings) -> Iterator[str]:
    for template in findings.get("templates") or ():
        yield (
            f"{template['pairs']} pairs share one {template['side']} {template['kind']} ({template['form'][:60]!r});"
            " data.preferences.templates.action caps or drops them"
        )


def _shortcuts(findings: Findings) -> Iterator[str]:
    balanced = "shortcuts_after" in findings
    found = findings.get("shortcuts_after") or findings.get("shortcuts") or {}
    for name in found.get("alarms", ()):
        told = found["style_alone"] if name == "style_alone" else found["features"][name]["auc"]
        what = "style alone tells chosen from rejected" if name == "style_alone" else f"{name} alone predicts chosen"
        measure = "of the time" if name == "style_alone" else "(AUC)"
        advice = "even after balancing" if balanced else "data.preferences.balance takes it away"
        yield f"{what}: {_interval(told)} {measure}; {advice}"


def _interval(found: Findings, name: str = "value") -> str:
    return f"{found[name]:.2f} [{found['low']:.2f}, {found['high']:.2f}]"
