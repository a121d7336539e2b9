"""The red team's training part as traces: each attack answered by the words of the rule that it breaks."""

from collections.abc import Iterable

from trimtab.records import Case, Example, Message
from trimtab.templates.generator.replies import DECLINE, RULES

_WORDS = {rule: DECLINE[kind] for kind, rule in RULES.items()}


def redteam_examples(cases: Iterable[Case]) -> tuple[Example, ...]:
    """One trace a case whose rule has a wording of its own; cases of other rules are left out."""
    return tuple(
        Example(
            (*case.messages, Message("assistant", _WORDS[rule])),
            labels={"domain": "redteam", "action": "decline", "kind": "decline", "rule": rule},
            provenance={"source": "trimtab.templates/support", "license": "Apache-2.0", "annotator": "generator"},
        )
        for case in cases
        if (rule := str(case.labels.get("rule"))) in _WORDS and case.messages[-1].role == "user"
    )
