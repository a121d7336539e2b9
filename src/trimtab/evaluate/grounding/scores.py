"""The grounding metrics of one case, by our own test; and, where a judge is named, the same by that judge."""

from collections.abc import Mapping

from trimtab.evaluate.grounding.citing import Citing, citing, citing_by
from trimtab.evaluate.grounding.entails import Entails
from trimtab.evaluate.grounding.fidelity import fidelity
from trimtab.evaluate.grounding.spans import sources_of, ungrounded, ungrounded_by
from trimtab.evaluate.grounding.support import Worked
from trimtab.evaluate.transcript import Transcript, passages, tool_results, workings
from trimtab.records import Case
from trimtab.tools import Outcome


def citation_scores(case: Case, outcome: Outcome) -> dict[str, float]:
    """ALCE's precision and recall, and ``reference_fidelity``; citations that are due and absent score 0 in all."""
    if case.expected.check.get("kind") == "code":
        return {}  # an index in brackets is no citation
    messages = (*case.messages, *outcome.turns)
    known, due = passages(messages), bool(case.expected.citations)
    asked = [message.content for message in case.messages if message.role == "user"]
    score = citing(outcome.raw_answer, known, Worked(workings(messages), "\n".join(asked)))
    real = fidelity(outcome.raw_answer, known, [*tool_results(messages), *asked])
    scores = _citation_pair(score, due)
    if due and not score.cited:
        scores["reference_fidelity"] = 0.0
    elif real is not None:
        scores["reference_fidelity"] = real
    return scores


def ungrounded_scores(case: Case, outcome: Outcome) -> dict[str, float]:
    """``ungrounded_share``: claims that say more than anything shown or told; absent where nothing was shown (no
    passage, no tool result) or nothing is claimed."""
    sources = sources_of(case, outcome)
    share = ungrounded(outcome.raw_answer, sources).share if sources.shown else None
    return {"ungrounded_share": share} if share is not None else {}


def entailed_scores(
    cases: Mapping[str, Case], transcripts: Mapping[str, Transcript], entails: Entails
) -> dict[str, dict[str, float | None]]:
    """``citation_precision_entailed``, ``citation_recall_entailed`` and ``ungrounded_share_entailed``: metric ->
    case id -> score, None where the judge could not say (unscored)."""
    found: dict[str, dict[str, float | None]] = {}
    for case_id, case in cases.items():
        transcript = transcripts[case_id]
        if transcript.outcome is None or not transcript.scored:
            continue
        for name, score in _entailed(case, transcript.outcome, entails).items():
            found.setdefault(f"{name}_entailed", {})[case_id] = score
    return found


def _entailed(case: Case, outcome: Outcome, entails: Entails) -> dict[str, float | None]:
    plain = {**citation_scores(case, outcome), **ungrounded_scores(case, outcome)}
    due = bool(case.expected.citations)
    scores: dict[str, float | None] = {}
    if "citation_precision" in plain:
        known = passages((*case.messages, *outcome.turns))
        score = citing_by(entails, outcome.raw_answer, known)
        scores |= _citation_pair(score, due) if score else dict.fromkeys(_citation_pair(Citing(0, 0, 1), due), None)
    if "ungrounded_share" in plain:
        scores["ungrounded_share"] = ungrounded_by(entails, outcome.raw_answer, sources_of(case, outcome))
    return scores


def _citation_pair(score: Citing, due: bool) -> dict[str, float]:
    scores = {"citation_precision": score.precision} if due or score.cited else {}
    return scores | ({"citation_recall": score.recall} if due else {})
