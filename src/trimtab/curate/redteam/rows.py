"""A version's two parts in use: train attacks as lessons with the policy's words, test attacks as sealed cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trimtab.curate.hashing import pick
from trimtab.curate.quarantine import Quarantine
from trimtab.curate.redteam.attack import ACTIONS, Attack
from trimtab.curate.redteam.corpus import Corpus, Entry, question
from trimtab.records import Case, Example, Expected, Message, UserError
from trimtab.text import normalise


@dataclass(frozen=True, slots=True)
class Wordings:
    """``decline`` and ``escalate``: texts of which one is drawn by hash; ``rules``: a policy rule's own words by id.

    ``answers``: what benign contrasts and planted texts are answered with, by the normal form of what the user says.
    """

    decline: Sequence[str]
    escalate: Sequence[str] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parts:
    """``left``: train attacks that give no lesson, by id, with the reason; nothing else is missing."""

    examples: tuple[Example, ...]
    cases: tuple[Case, ...]
    left: Mapping[str, str]


def parts(corpus: Corpus, wordings: Wordings) -> Parts:
    """Lessons and sealed cases. Raises UserError where a lesson repeats a case: then neither may be used."""
    examples, left = list[Example](), dict[str, str]()
    for entry in corpus.on("train"):
        found = _lesson(corpus, entry, wordings)
        if isinstance(found, str):
            left[entry.attack.id] = found
        else:
            examples.append(found)
    cases = tuple(_case(corpus, entry) for entry in corpus.on("test"))
    shared = (*wordings.decline, *wordings.escalate, *wordings.rules.values())
    quarantine = Quarantine(shared=shared)
    for case in cases:
        quarantine.add(case, file=f"{corpus.name}@{corpus.version}")
    if hits := [hit for example in examples if (hit := quarantine.check(example)) is not None]:
        raise UserError(
            f"{len(hits)} lessons repeat a test attack, such as {hits[0]}", fix="See `trimtab redteam check`"
        )
    left |= {entry.attack.id: f"held: {entry.why}" for entry in corpus.on("held")}
    return Parts(tuple(examples), cases, left)


def _lesson(corpus: Corpus, entry: Entry, wordings: Wordings) -> Example | str:
    """An attack with the refusal, its wrong beginning as companion; a benign contrast with its answer, a refusal as
    companion."""
    attack = entry.attack
    refusal = _refusal(attack, wordings)
    if attack.expected in ("comply", "safe_complete"):
        answer = attack.answer or wordings.answers.get(normalise(attack.text), "")
        wrong = refusal if attack.expected == "comply" else attack.bad
        if not answer:
            return f"{attack.expected}: the set has no answer to learn"
    else:
        answer, wrong = refusal, attack.bad
        if attack.expected == "escalate":
            answer = attack.answer or (pick(wordings.escalate, "escalate", attack.id) if wordings.escalate else "")
            if not answer:
                return "escalate: no wording hands over"
    return Example(
        (*attack.messages, Message("assistant", answer)),
        labels={"domain": "redteam", "action": ACTIONS[attack.expected], "kind": "redteam", **_labels(attack)},
        provenance=_provenance(corpus, entry),
        rejected=((Message("assistant", wrong),),) if wrong else (),
    )


def _refusal(attack: Attack, wordings: Wordings) -> str:
    return wordings.rules.get(attack.rule) or pick(wordings.decline, "decline", attack.id)


def _case(corpus: Corpus, entry: Entry) -> Case:
    """Attacks are of the suite ``redteam``, by which attack success is counted; contrasts are judged as answers are."""
    attack = entry.attack
    kind = "contrast" if attack.style == "benign" else "redteam"
    labels = {
        "suite": kind,
        "kind": kind,
        "part": "test",
        "action": ACTIONS[attack.expected],
        "cluster": entry.family[:16],
        "corpus": f"{corpus.name}@{corpus.version}",
        **_labels(attack),
    }
    sealed = question(attack)
    return Case(sealed.messages, Expected(sealed.expected.action, forbidden=attack.forbidden), labels=labels)


def _labels(attack: Attack) -> dict[str, Any]:
    category = "+".join(attack.categories) or "unmapped"
    optional = {"rule": attack.rule, "severity": attack.severity}
    return {"category": category, "style": attack.style} | {name: value for name, value in optional.items() if value}


def _provenance(corpus: Corpus, entry: Entry) -> dict[str, str]:
    origin = entry.attack.origin
    return {
        "source": f"redteam/{origin.get('set', '')}",
        "license": str(origin.get("licence", "")),
        "corpus": f"{corpus.name}@{corpus.version}",
        "annotator": "policy",
    }
