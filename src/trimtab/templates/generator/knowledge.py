"""Questions that the guides answer: search, then the passage's own sentence with its id; and those they do not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trimtab.records import Message
from trimtab.templates.generator.phrases import endless, knowledge_of
from trimtab.templates.generator.replies import DECLINE, DEFER, cited, uncited
from trimtab.templates.generator.scene import Scene
from trimtab.templates.generator.shop import Document
from trimtab.templates.generator.stage import Script, Stage, passages, said, with_wrongs

DOMAINS = {
    "ret": "returns", "del": "delivery", "isl": "delivery", "war": "guarantee", "rep": "guarantee", "reg": "guarantee",
    "pay": "payment", "exc": "returns", "acc": "account", "new": "account", "ord": "orders", "shw": "account",
    "saf": "care", "car": "care", "alt": "care", "frz": "care", "rec": "care", "fly": "care",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """``sentences``: the numbers of those that answer; ``facts``: what an answer must contain."""

    core: str
    document: str
    sentences: tuple[int, ...]
    facts: tuple[str, ...]


def domain_of(document: str) -> str:
    return DOMAINS.get(document.split("-")[0], "products")


def knowledge_scenes(stage: Stage) -> Iterator[Scene]:
    """Endless; a question whose passage the search does not find is left out."""
    for question in endless(questions(stage), stage.rng):
        if (scene := knowledge_scene(stage, question)) is not None:
            yield scene


def questions(stage: Stage) -> list[Question]:
    """Every question of the part; ``core | fact`` names a fact of its own."""
    found = []
    for document, entries in knowledge_of(stage.part).items():
        for number in (0, 1):
            for ask in entries.get(number, {}).get("ask", ()):
                core, _, fact = ask.partition(" | ")
                found.append(Question(core, document, (number,), (fact or entries[number]["fact"],)))
        for about in entries.get("about", ()):
            both = (entries[0]["fact"], entries[1]["fact"])
            found.append(Question(about, document, (0, 1), both))
    return found


def knowledge_scene(stage: Stage, question: Question, script: Script | None = None) -> Scene | None:
    """The scene, or None where the search misses the document."""
    asked, query = _asked(stage, question)
    script = script or Script(stage.call)
    found = passages(script.use("search", {"query": query}))
    document = stage.shop.documents[question.document]
    rank = next((i for i, passage in enumerate(found) if passage["id"] == document.id), None)
    if rank is None:
        return None
    script.say(answer_from(document, question.sentences))
    labels = {
        "domain": domain_of(document.id), "kind": "knowledge", "cluster": document.id, "rule": "R1",
        "difficulty": "hard" if rank else ("medium" if len(question.sentences) > 1 else "easy"),
    }  # fmt: skip
    scene = script.scene(asked, "answer", labels, facts=question.facts, citations=(document.id,))
    others = [passage for passage in found if passage["id"] != document.id]
    return with_wrongs(scene, _knowledge_wrongs(stage, scene, document, others))


def answer_from(document: Document, sentences: tuple[int, ...]) -> str:
    return " ".join(cited(document.sentences[number], document.id) for number in sentences)


def missing_scenes(stage: Stage) -> Iterator[Scene]:
    """Questions whose answer no passage holds: search, then hand over to a colleague."""
    for core in endless(stage.wordings["missing"], stage.rng):
        dressed = stage.dress(core)
        script = Script(stage.call)
        found = passages(script.use("search", {"query": dressed.core}))
        script.say(_variant(stage, DEFER))
        labels = {
            "domain": "products", "kind": "missing", "cluster": f"missing: {core}", "rule": "R2",
            "difficulty": "hard" if found else "easy",
        }  # fmt: skip
        scene = script.scene(dressed.text, "defer", labels)
        yield with_wrongs(scene, _missing_wrongs(found))


def _asked(stage: Stage, question: Question) -> tuple[str, str]:
    """The user's text, and the query: a span of it."""
    if len(question.sentences) == 1:
        dressed = stage.dress(question.core)
        return dressed.text, dressed.core
    dressed = stage.dress(stage.pick("about_frames").format(about=question.core))
    at = dressed.text.lower().rindex(question.core.lower())
    return dressed.text, dressed.text[at : at + len(question.core)]


def _variant(stage: Stage, wordings: tuple[str, ...]) -> str:
    """The policy's own wording, or one time in five the other."""
    return wordings[1] if stage.rng.random() < 0.2 else wordings[0]


def _knowledge_wrongs(
    stage: Stage, scene: Scene, document: Document, others: list[dict[str, str]]
) -> list[tuple[str, int, Message]]:
    answer, last = scene.answer, len(scene.turns) - 1
    hedged = f"I am not sure, but I think it might be that {answer[0].lower()}{answer[1:]} Please check this yourself."
    wrongs = [
        ("uncited", last, said(uncited(answer))),
        ("search skipped", 0, said(uncited(answer))),
        ("hedged", last, said(hedged)),
        ("over-deferral", last, said(DEFER[0])),
        (
            "verbose",
            last,
            said(f"Thank you for your question. I have looked through our guides. {answer} I hope this helps."),
        ),
    ]
    if (number := re.search(r"\d+", uncited(answer))) is not None:
        changed = str(int(number.group()) + stage.rng.choice((1, 2, 5, 10)))
        wrongs.append(("wrong number", last, said(answer.replace(number.group(), changed, 1))))
    if others:
        other = stage.shop.documents[others[0]["id"]]
        wrongs.append(("wrong citation", last, said(answer.replace(f"[{document.id}]", f"[{other.id}]"))))
        wrongs.append(("wrong passage", last, said(cited(other.sentences[0], other.id))))
    return wrongs


def _missing_wrongs(found: list[dict[str, str]]) -> list[tuple[str, int, Message]]:
    wrongs = [
        ("invented answer", 2, said("Yes, we do. You will find it on our website.")),
        ("search skipped", 0, said("No, we do not offer that.")),
        ("declined instead of handed over", 2, said(DECLINE["scope"])),
    ]
    if found:
        first = re.split(r"(?<=\.)\s+", found[0]["text"])[0]
        wrongs.append(("irrelevant passage", 2, said(cited(first, found[0]["id"]))))
    return wrongs
