"""Which of the five things an answer does: answer, call a tool, clarify, defer or decline."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.records import Action
from trimtab.text import citations, content_words, normalise, sentences, strip_citations, style
from trimtab.text.refusal import refusal
from trimtab.tools import Outcome
from trimtab.tools.plan import UNFINISHED
from trimtab.tools.watch import BLOCKED

_ALIKE = 0.8
"""Share of a policy text's content words that an answer must have to be that text in other words."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The policy's own texts, which are surer than any marker."""

    declines: tuple[str, ...] = ()
    defers: tuple[str, ...] = ()
    clarifies: tuple[str, ...] = ()


MARKERS_ONLY = Wording()


def classify(text: str, wording: Wording = MARKERS_ONLY) -> Action | None:
    """What a text does; None where it says nothing.

    First the policy's own texts, then markers: a refusal declines, a hand-off to a person defers; an answer that
    cites outside its questions answers; one that refuses by its structure (``text.refusal``) declines; a question
    clarifies; not knowing defers; all else answers.
    """
    if not normalise(text):
        return None
    for action, known in _known(wording):
        if any(_says(text, one) for one in known):
            return action
    marks = style(text)
    if marks.refusal:
        return "decline"
    if marks.handoff:
        return "defer"
    if _cites_outside_questions(text):
        return "answer"
    if not marks.deferral and refusal(text).refuses:
        return "decline"
    if marks.question:
        return "clarify"
    return "defer" if marks.deferral else "answer"


def action_of(outcome: Outcome, wording: Wording = MARKERS_ONLY) -> Action | None:
    """The last thing the *model* did, by its raw answer; a request that was blocked before it spoke was declined."""
    if outcome.raw_answer.strip() and outcome.finish != "client_tools":
        return classify(outcome.raw_answer, wording)
    if outcome.finish == "blocked" and not outcome.token_ids:
        return "decline"
    return "call_tool" if outcome.calls else None


def served_action(outcome: Outcome, wording: Wording = MARKERS_ONLY) -> Action | None:
    """The last thing the *user* sees: a guard's block declines, a plan that ran out defers."""
    if outcome.finish == "blocked":
        return "decline"
    if outcome.finish == "client_tools":
        return "call_tool"
    return classify(outcome.answer, wording)


def _known(wording: Wording) -> tuple[tuple[Action, Sequence[str]], ...]:
    return (
        ("decline", (*wording.declines, BLOCKED)),
        ("defer", (*wording.defers, UNFINISHED)),
        ("clarify", wording.clarifies),
    )


def _says(text: str, known: str) -> bool:
    """Whether ``text`` holds the known text, or nearly all of its words and few others."""
    whole, form = f" {normalise(strip_citations(text))} ", normalise(known)
    if not form:
        return False
    if f" {form} " in whole:
        return True
    own, said = content_words(known), content_words(text)
    return len(own) >= 3 and len(own & said) >= _ALIKE * max(len(own), len(said))


def _cites_outside_questions(text: str) -> bool:
    return any(citations(sentence) and not sentence.rstrip().endswith("?") for sentence in sentences(text))
