"""The preference stage: verdicts combined, circles and templates broken, voices and shortcuts weighed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab.curate.place import Placed
from trimtab.curate.preferences.balance import length_matched, reweighted
from trimtab.curate.preferences.config import PreferencesConfig
from trimtab.curate.preferences.cycles import without_cycles
from trimtab.curate.preferences.faults import without_faults
from trimtab.curate.preferences.features import differences
from trimtab.curate.preferences.negatives import WRONG, tricky_negatives
from trimtab.curate.preferences.pairs import pair_of, spelled, weight_of
from trimtab.curate.preferences.position import position_bias
from trimtab.curate.preferences.sentences import sentences
from trimtab.curate.preferences.shares import capped
from trimtab.curate.preferences.shortcuts import shortcuts
from trimtab.curate.preferences.templates import Template, find_templates, without_templates
from trimtab.curate.preferences.verdicts import combine
from trimtab.curate.stage import Staged
from trimtab.records import Comparison

_NAMED = 20
"""Templates that the report spells out."""


def preference_stage(rows: Sequence[Placed], config: PreferencesConfig = PreferencesConfig(), seed: int = 0) -> Staged:  # noqa: B008
    """The rows with their pairs cleaned, and tricky negatives after them where the config asks for some.

    ``findings``: position bias, agreement and annotators, their shares of weight, templates, and shortcuts before and
    after balancing. Other rows pass as they are.
    """
    pairs, faulty = without_faults([placed for placed in rows if isinstance(placed.row, Comparison)])
    others = [placed for placed in rows if not isinstance(placed.row, Comparison)]
    findings: dict[str, Any] = {"position": position_bias(pairs)}
    combined = combine(pairs, config.annotators)
    findings["verdicts"] = combined.findings
    ordered, circular = without_cycles(combined.pairs)
    templates = find_templates(ordered, config.templates)
    findings["templates"] = [_spelled_out(template) for template in templates[:_NAMED]]
    varied, templated = without_templates(ordered, templates, config.templates)
    shared, capping, findings["shares"] = capped(varied, config.annotators)
    balanced, more = _balanced(shared, config, seed, findings)
    negatives = tricky_negatives(rows, config.negatives, seed)
    if negatives:
        findings["negatives"] = _by_wrong(negatives)
    findings["sentences"] = sentences(findings)
    return Staged(
        rows=[*others, *balanced, *negatives],
        drops=[*faulty, *combined.drops, *circular, *templated, *more.drops],
        repairs=[*combined.repairs, *capping, *more.repairs],
        findings={name: found for name, found in findings.items() if found},
    )


def _balanced(
    pairs: list[Placed], config: PreferencesConfig, seed: int, findings: dict[str, Any]
) -> tuple[list[Placed], Staged]:
    """The pairs after balancing, and what that dropped and changed; the shortcuts join the findings."""
    if not pairs:
        return pairs, Staged(())
    difference_PF, prompts = differences(pairs), _prompts(pairs)
    findings["shortcuts"] = shortcuts(difference_PF, prompts, config.alarm_auc, _weights(pairs))
    if config.balance == "off":
        return pairs, Staged(())
    if config.balance == "reweight":
        made, repairs = reweighted(pairs, difference_PF, prompts, config.clip)
        more = Staged((), repairs=repairs)
    else:
        made, drops = length_matched(pairs, difference_PF, seed)
        difference_PF, more = differences(made), Staged((), drops=drops)
    findings["shortcuts_after"] = shortcuts(difference_PF, _prompts(made), config.alarm_auc, _weights(made))
    return made, more


def _weights(pairs: Sequence[Placed]) -> npt.NDArray[np.float64]:
    """[P] What each pair weighs, in training and so in what training would learn from style."""
    return np.array([weight_of(pair_of(placed)) for placed in pairs], dtype=np.float64)


def _prompts(pairs: Sequence[Placed]) -> list[str]:
    return [spelled(pair_of(placed).prompt) for placed in pairs]


def _spelled_out(template: Template) -> dict[str, Any]:
    return {
        "side": template.side,
        "kind": template.kind,
        "form": template.form,
        "prompts": template.prompts,
        "other_side": template.other,
        "pairs": len(template.rows),
    }


def _by_wrong(negatives: Sequence[Placed]) -> dict[str, int]:
    return dict(sorted(Counter(str(placed.row.labels[WRONG]) for placed in negatives).items()))
