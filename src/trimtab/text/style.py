"""How an answer is said, counted: hedges, citations, lists, markdown, and whether it refuses, defers or asks."""

import re
from dataclasses import dataclass

from trimtab.text.cite import citations, sentences
from trimtab.text.normal import words


@dataclass(frozen=True, slots=True)
class Style:
    """Counts and markers: ``refusal`` will not, ``question`` asks, ``deferral`` does not know or hands on.

    ``handoff`` is the deferral that passes the matter to a person.
    """

    hedges: int
    citations: int
    list_items: int
    markdown: int
    words: int
    refusal: bool
    deferral: bool
    question: bool
    handoff: bool


@dataclass(frozen=True, slots=True)
class Manner:
    """The markers of ``Style`` alone."""

    refusal: bool
    deferral: bool
    question: bool
    handoff: bool


_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|possibly|probably|presumably|apparently|seemingly|roughly|approximately|generally|typically"
    r"|usually|might|may|could(?! (?:you|not|i)\b)|likely|unlikely|seems?|appears?|suggests?"
    r"|i (?:think|believe|guess|suppose|assume)"
    r"|not (?:entirely |quite |completely )?(?:sure|certain)|as far as i (?:know|can tell)|to (?:the best of )?my"
    r" knowledge|in my opinion|it is possible|it depends)\b"
)
_LIST_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)
_MARKDOWN = re.compile(
    r"^#{1,6}[ \t]+\S|^[ \t]*```|^[ \t]*>[ \t]|^\|.*\|[ \t]*$|\*\*[^*\n]+\*\*|__[^_\n]+__|`[^`\n]+`|\[[^\]\n]+\]\(",
    re.MULTILINE,
)
_CANNOT = (
    r"(?:can ?not|can't|could ?n[o']t|won't|will not|would not|wouldn't|am not (?:able|going|allowed|permitted|willing)"
    r" to|'m not (?:able|going|allowed|permitted|willing) to|(?:am|'m) unable to|must (?:decline|refuse)"
    r"|have to (?:decline|refuse)|(?:decline|refuse) to)"
)
_REFUSED = (
    r"(?:help|assist|support|do (?:that|this|so)|provide|give|share|create|write|generate|produce|make|offer|comply"
    r"|fulfil|fulfill|engage|discuss|reveal|disclose|tell you|show|answer (?:that|this)|participate|continue with"
    r"|complete|process|carry|recommend|encourage|promote|support|facilitate|ignore|bypass|override|issue|act|pretend"
    r"|change|grant|use|perform|go along|accept|approve|send|open|access|advise|support|in good conscience|with that)"
)
_REFUSAL = re.compile(
    rf"\bi ?(?:really |simply |just |also |do )?{_CANNOT}\b[^.!?\n]{{0,40}}?\b{_REFUSED}\b"
    r"|\bi (?:must|have to|need to|will|respectfully|'ll have to) (?:respectfully )?(?:decline|refuse|pass)\b"
    r"|\bi (?:decline|refuse)\b"
    r"|\b(?:not something|nothing) (?:that )?i(?:'m| am)? ?(?:can|able to|will|allowed to|going to)\b"
    r"|\b(?:is|are|goes|would be|'s) (?:against|not (?:allowed|permitted) (?:by|under)|outside)"
    r" (?:my|our|the|company|store)? ?(?:[a-z]+ )?(?:policy|policies|guidelines|rules|scope|programming)\b"
    r"|\b(?:my|our) (?:policy|policies|guidelines|rules) (?:do|does)(?: not|n't) (?:allow|permit)\b"
    r"|\bsorry,? (?:but )?(?:no\b|that is not possible|that's not possible)"
    r"|\bas an ai\b[^.!?\n]{0,60}\b(?:can ?not|can't|not able|unable|do not|don't)\b"
)
_DEFERRAL = re.compile(
    r"\bi(?: really| honestly| simply)? (?:do not|don't)"
    r" (?:know|have (?:that|this|the|any|enough|sufficient|access|a source)|see)\b"
    r"|\bi(?:'m| am) not (?:entirely |quite |completely )?(?:sure|certain)\b"
    r"|\b(?:could not|couldn't|cannot|can't|can not|did not|didn't|was unable to|am unable to|'m unable to)"
    r" (?:find|locate|confirm|verify|determine|see|tell from)\b"
    r"|\b(?:no|not enough|insufficient|without (?:more|enough))"
    r" (?:information|evidence|sources?|documents?|passages?)\b"
    r"|\b(?:is|are|was|were)(?: not|n't) (?:covered|mentioned|stated|specified|listed|documented|available|in)"
    r" (?:in |by )?(?:the |my |our )?"
    r"(?:sources?|documents?|passages?|knowledge|documentation|information|records?|files?)\b"
    r"|\b(?:do not|don't|does not|doesn't) (?:mention|say|state|cover|specify|contain|include|answer)\b"
)
_HANDOFF = re.compile(
    r"\b(?:hand|pass|refer|transfer|forward|escalate|connect|route)(?:ing|ed)?\b[^.!?\n]{0,40}\b(?:to|with)\b"
    r"[^.!?\n]{0,20}\b(?:human|person|colleague|agent|specialist|support|team|staff|representative|supervisor|expert)\b"
    r"|\b(?:contact|reach out to|speak (?:to|with)|ask|consult|check with) (?:a |an |our |the |your )?"
    r"(?:human|colleague|agent|specialist|support|customer (?:service|support)|team|staff|representative|doctor|lawyer"
    r"|professional|expert)\b"
)
_CLOSER = re.compile(
    r"\b(?:anything else|something else|any (?:other|more|further) questions?|does (?:that|this) help"
    r"|is that (?:ok|okay|clear)"
    r"|how (?:else )?(?:can|may) i (?:help|assist)|what else)\b"
)
_ASKS = re.compile(
    r"\b(?:could|can|would|will) you (?:please |kindly )?"
    r"(?:tell|share|provide|confirm|clarify|specify|give|let|send|say)\b"
    r"|\bplease (?:tell|share|provide|confirm|clarify|specify|give|let me know|send me|say) (?:me |us )?"
    r"(?:which|what|whether|your|the|more|if|how|who|when|where)\b"
    r"|\b(?:i need|i'd need|i would need|i'll need) (?:to know|your|a (?:few|bit|little) more|more|the)\b"
)
_LAST = 2
"""A clarifying question stands in one of the last sentences."""


def without_hedges(text: str) -> str:
    """The text less its hedging words, which say how sure a claim is and not what it claims; folded to lower case."""
    return _HEDGE.sub(" ", text.replace("’", "'").casefold())


def style(text: str) -> Style:
    """Style counts of an answer. The markers read English; a policy's own wording is matched by its callers."""
    plain = text.replace("’", "'").casefold()
    manner = _manner(plain)
    return Style(
        hedges=len(_HEDGE.findall(plain)),
        citations=len(citations(text)),
        list_items=len(_LIST_ITEM.findall(text)),
        markdown=len(_MARKDOWN.findall(text)),
        words=len(words(text)),
        refusal=manner.refusal,
        deferral=manner.deferral,
        question=manner.question,
        handoff=manner.handoff,
    )


def manner(text: str) -> Manner:
    """The markers of ``style`` without its counts, at a third of the price."""
    return _manner(text.replace("’", "'").casefold())


def _manner(plain: str) -> Manner:
    handoff = bool(_HANDOFF.search(plain))
    return Manner(bool(_REFUSAL.search(plain)), handoff or bool(_DEFERRAL.search(plain)), _asks(plain), handoff)


def _asks(plain: str) -> bool:
    if not any(mark in plain for mark in "?？؟") and not _ASKS.search(plain):
        return False
    last = [sentence for sentence in sentences(plain) if not _CLOSER.search(sentence)][-_LAST:]
    return any(sentence.rstrip("*_\"')] ").endswith(("?", "？", "؟")) or _ASKS.search(sentence) for sentence in last)
