"""What of an answer catches the eye before its content does: flattery, refusal phrases, headings, bold, emoji, "!"."""

import re
from dataclasses import dataclass

_FLATTERY = re.compile(
    r"\b(?:great|good|excellent|wonderful|fantastic|brilliant|amazing|fascinating|interesting|insightful|thoughtful)"
    r" (?:question|point|idea|thought|observation|choice)s?\b"
    r"|\b(?:what|that's|that is|this is) (?:a|an|such a|such an) (?:really |very |truly )?"
    r"(?:great|good|excellent|wonderful|fantastic|brilliant|amazing|insightful|thoughtful)\b"
    r"|\byou(?:'re| are) (?:absolutely|completely|totally|so|quite|entirely|100 ?%) (?:right|correct)\b"
    r"|\b(?:i|we) (?:completely|totally|absolutely|fully|wholeheartedly) agree\b"
    r"|\b(?:absolutely|certainly|of course|definitely)!"
    r"|\bi(?:'d| would) be (?:happy|glad|delighted|thrilled) to\b"
    r"|\bthank(?:s| you) for (?:asking|sharing|your question|bringing)\b"
    r"|\b(?:i(?:'m| am) (?:so )?glad you asked|as you (?:so )?rightly (?:say|said|point|note|noted))\b"
)
_REFUSAL = re.compile(
    r"\bi(?:'m| am) (?:really |very |so )?sorry\b|\bi apologi[sz]e\b|\bmy apologies\b"
    r"|\bi (?:can ?not|can't|could ?n[o']t|won't|will not|am not able to|am unable to)\b"
    r"|\bi'm (?:not able|unable|not allowed|not comfortable)\b"
    r"|\bas an? (?:ai|artificial intelligence|(?:large )?language model|assistant|chatbot)\b"
    r"|\b(?:it(?:'s| is) not|not) (?:appropriate|ethical|okay|right) (?:for me )?to\b"
)
_HEADING = re.compile(r"^#{1,6}[ \t]+\S|^\*\*[^*\n]{1,80}\*\*:?[ \t]*$", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|(?<!\w)__[^_\n]+__(?!\w)")
_EMOJI = re.compile("[\u2600-\u26ff\u2705\u2728\u274c\u2764\u2b50\U0001f300-\U0001faff]")


@dataclass(frozen=True, slots=True)
class Surface:
    """Counts in one answer."""

    flattery: int
    """Praise of the question, agreement with the user, eagerness to please."""
    refusals: int
    """Phrases of refusal or apology."""
    headings: int
    bold: int
    emoji: int
    exclamations: int


def surface(text: str) -> Surface:
    """The counts; the phrases read English."""
    plain = text.replace("’", "'").casefold()
    return Surface(
        flattery=len(_FLATTERY.findall(plain)),
        refusals=len(_REFUSAL.findall(plain)),
        headings=len(_HEADING.findall(text)),
        bold=len(_BOLD.findall(text)),
        emoji=len(_EMOJI.findall(text)),
        exclamations=text.count("!"),
    )
