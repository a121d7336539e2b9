"""What the assistant does in its last turn, told from the turn itself."""

import re
from collections.abc import Sequence

from trimtab.records import Action, Message
from trimtab.text import manner

_HEAD, _TAIL = 500, 240
"""Characters that tell the action: a refusal stands at the start, a question back at the end."""
_SORRY = r"(?:sorry|apolog\w+|unfortunately|regret\w*|i'm afraid)"
_UNABLE = (
    r"(?:unable to|can't|cannot|can not|not able to|not capable of"
    r"|(?:do not|don't|lack) (?:have )?the (?:ability|capability|capacity))"
)
_NOT_FOUND = r"(?! (?:find|locate|confirm|verify|determine|see|tell|recall|say)\b)"
_DECLINES = re.compile(
    rf"\b{_SORRY}\b[^.!?\n]{{0,90}}\b{_UNABLE}\b{_NOT_FOUND}"
    rf"|\bi(?:'m| am)(?: currently| simply| just)? unable to\b{_NOT_FOUND}"
    r"|\bi (?:strongly |would )?(?:advise|urge) (?:you )?against\b"
)
_FIRST_WORDS = 220
_MORALISES = re.compile(
    r"\b(?:(?:not|never|isn't|wrong to)(?: be)? (?:morally |ethically |legally )?|in)"
    r"(?:appropriate|ethical|acceptable|okay to|respectful|permissible|good or right)\b"
    r"|\b(?:is|are|be) (?:both )?(?:illegal|unethical|morally wrong|deeply wrong)\b"
)
_ADMITS = re.compile(
    r"\bi (?:do not|don't) (?:currently )?have (?:any |the |that |this |specific |enough |more |exact |detailed "
    r"|real-time )*"
    r"(?:information|details|data|knowledge|an answer|figures|records)\b"
    r"|\b(?:no|not enough|insufficient) (?:specific |relevant )?(?:information|details|data) (?:is|was|about|on"
    r"|regarding|to)\b"
)
_NO_OPINION = re.compile(
    r"\bas an? (?:ai|artificial|language)[^.!?\n]{0,60}(?:do not|don't) (?:have|hold|possess) (?:any )?(?:personal"
    r"|feelings|opinions|beliefs|"
    r"emotions)[^.!?\n]{0,60}(?:[.!]? ?(?:however|but|that said|nevertheless))"
)
_MEANT = re.compile(
    r"\A\W*(?:(?:do|did) you mean|are you (?:asking|referring|looking|talking)|which (?:one|of)"
    r"|by [^.?!\n]{1,40}, do you)\b"
)
_CONFIRMS = re.compile(
    r"\bi(?:'d| would)? (?:need|have) to (?:confirm|know|clarify)\b|\bto (?:proceed|continue),? i need\b"
)
_OFFERS = re.compile(
    r"\b(?:would you like (?:me to|more|to know|some|any|to see|to hear)|shall i|do you want me to|should i (?:go"
    r"|continue)"
    r"|what do you think|would you like to (?:order|proceed|hear|know|see))\b[^?\n]{0,120}\?\W*\Z"
)


def action_of(messages: Sequence[Message]) -> Action:
    """call_tool by its calls; decline, defer and clarify by how the last assistant turn is worded; else answer.

    Reads English. Raises ValueError when no turn is the assistant's.
    """
    last = next((message for message in reversed(messages) if message.role == "assistant"), None)
    if last is None:
        raise ValueError("no assistant turn")
    return "call_tool" if last.tool_calls else worded_action(last.content)


def worded_action(text: str) -> Action:
    """The action of an answer that calls nothing."""
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    plain = text.replace("’", "'").casefold().strip()
    if _MEANT.search(plain) and plain.endswith("?"):
        return "clarify"
    worded = manner(text)
    if (worded.refusal and not _NO_OPINION.search(plain)) or _DECLINES.search(plain):
        return "decline"
    if _MORALISES.search(plain[:_FIRST_WORDS].split("\n", 1)[0]):
        return "decline"
    if worded.deferral or _ADMITS.search(plain):
        return "defer"
    asks = (worded.question and not _OFFERS.search(plain)) or _CONFIRMS.search(plain[-_TAIL:])
    return "clarify" if asks else "answer"
