"""The phrases that open, close and pad answers without saying anything, by kind, as they are worded in English."""

import re
from dataclasses import dataclass

_ADVISER = (
    r"(?:professional|doctor|lawyer|attorney|advis[eo]r|expert|physician|therapist|specialist|accountant|provider)s?"
)
_EAGER = r"(?:happy|glad|delighted|pleased|thrilled|more than happy)"

OPENINGS = {
    "interjection": (
        r"(?:(?:certainly|sure(?: thing)?|of course|absolutely|definitely|no problem|gladly|with pleasure|you got it"
        r"|got it|understood|alright|all right|okay|ok|great|awesome|excellent|wonderful|fantastic|perfect|hello"
        r"|hi(?: there)?|hey(?: there)?|greetings)"
        r"(?:!|[,.](?= (?:here|i\b|i'|let|below|the following|this is|we |allow|happy|glad|no problem|my ))))"
    ),
    "eager": (
        rf"(?:i(?:'d| would|'ll| will) be {_EAGER} to|i(?:'m| am) (?:{_EAGER}|here) to (?:help|assist|answer|provide)"
        rf"|{_EAGER} to (?:help|assist|answer)"
        r"|i can (?:certainly |definitely |absolutely )?(?:help|assist) (?:you )?with that"
        r"|let me (?:help|assist) you|allow me to|let's (?:dive|delve|take a (?:closer )?look|break (?:this|it) down)"
        r"|i understand (?:that )?you(?:'re| are)? (?:looking|want|need|asking|interested))"
    ),
    "praise": (
        r"(?:(?:what|that(?:'s| is| was)|this is) (?:such )?an? (?:very |really |truly )?"
        r"(?:great|excellent|good|wonderful|fantastic|interesting|insightful|important|thoughtful) (?:question|point"
        r"|request)"
        r"|(?:great|excellent|good|interesting) question"
        r"|thank(?:s| you)(?: so much| very much)? for (?:asking|your|reaching|sharing|providing|the question|bringing)"
        r"|i appreciate (?:your|you|the))"
    ),
    "lead_in": (
        r"(?:(?:here(?:'s| is| are)|below (?:is|are|you(?:'ll| will) find)|the following (?:is|are)"
        r"|this is|i(?:'ve| have) (?:prepared|written|created|put together|compiled))\b[^\n.!?]{0,160}:(?=\s|\Z))"
    ),
    "restated": (
        r"(?:you(?:'ve| have)? asked|you want(?:ed)? (?:to know|me to)|you(?:'re| are) asking|your question (?:is"
        r"|was|asks)"
        r"|the question (?:is|asks|you asked)|to answer your question|as (?:you )?requested"
        r"|(?:as )?per your (?:request|question)"
        r"|based on (?:your|the) (?:question|request|prompt|instruction)|in (?:response|answer|reply) to your"
        r"|regarding your (?:question|request|query)|with regard to your)"
    ),
    "residue": (
        r"(?:#{2,3} ?(?:response|answer|output|instruction|input|solution|question)\b"
        r"|(?:(?:the )?(?:final )?answer|response|output|completion|reply|solution|q|question|instruction|prompt) ?:\s)"
    ),
}
CLOSINGS = {
    "hope": (
        r"(?:\b(?:i )?(?:really |sincerely |do )?hope (?:this|that|these|it|you find|the above|my)\b"
        r"|\bhopefully,? (?:this|that|it) )"
    ),
    "offer": (
        r"(?:\blet me know\b|\b(?:do you have|are there|any) (?:any )?(?:other|more|further|additional) questions\b"
        r"|\bfeel free to\b|\b(?:don't|do not|never) hesitate\b|\banything else\b"
        r"|\bif you (?:have|need|want|would like|'d like|require|ever need)\b[^\n.!?]{0,40}"
        r"\b(?:questions?|help|assistance|clarifications?|concerns?|information|details|support)\b"
        rf"|\bi(?:'m| am)(?: always)? (?:{_EAGER}|here) to (?:help|assist)\b|\b{_EAGER} to (?:help|assist)\b"
        r"|\breach out\b|\bi(?:'d| would) be (?:happy|glad) to\b|\bwould you like me to\b)"
    ),
    "farewell": (
        r"(?:\b(?:have|enjoy) (?:a|the rest of your) (?:[a-z]+ )?(?:day|evening|night|weekend|time)\b|\bgood luck\b"
        r"|\btake care\b"
        r"|\bhappy (?:coding|learning|cooking|reading|writing|travels|baking|gardening|studying|exploring)\b"
        r"|\bthank(?:s| you) for (?:your|reading|using|asking|choosing|contacting|reaching)\b|\benjoy!|\bbest of luck\b"
        r"|\b(?:best|all the best) wishes\b|\byou(?:'re| are) welcome\b)"
    ),
    "signature": (
        r"(?:(?:^|\n)[ \t]*(?:(?:best|kind|warm|kindest|warmest) regards|regards|sincerely|yours (?:truly|sincerely"
        r"|faithfully)"
        r"|cheers|best),?[ \t]*(?:\n|\Z)|\bsent from my\b|(?:^|\n)[-–—]{1,3} ?(?:the|your) [^\n]{1,40}(?:team"
        r"|assistant|bot)\b"
        r"|\b(?:powered|generated|written|created|answered) by (?:chatgpt|gpt|an? ai|ai|openai|[a-z]+ ?(?:gpt|bot"
        r"|ai))\b"
        r"|\byour (?:friendly |virtual |ai )+assistant\b)"
    ),
}
ANYWHERE = {
    "as_an_ai": (
        r"(?:\bas an? (?:ai|artificial intelligence|(?:large )?language model|virtual assistant|chat ?bot"
        r"|machine learning)\b"
        r"|\bi(?:'m| am) (?:just |only |merely |simply )?an? (?:ai|artificial intelligence|(?:large )?language model"
        r"|virtual"
        r" assistant|chat ?bot|computer program|machine learning)\b|\bbeing an? (?:ai|language model)\b"
        r"|\bmy (?:knowledge|training)(?: data)? (?:cut-?off|only goes|only extends|ends|was last|does not (?:extend"
        r"|include))"
        r"|\bas of my (?:last|latest|most recent|knowledge|training)\b|\b(?:trained|developed|created|made) by openai\b"
        r"|\bi (?:do not|don't|cannot|can't) have (?:personal (?:opinions|experiences|feelings|beliefs|preferences)"
        r"|feelings|emotions"
        r"|real-time|access to real-time))"
    ),
    "disclaimer": (
        r"(?:\b(?:not|n't|never)\b[^.!?\n]{0,60}\b(?:legal|medical|financial|professional|investment|tax|health)"
        r"(?:,? (?:or|and) [a-z]+)? advice\b"
        rf"|\bconsult(?:ing)? (?:with )?(?:an?|your|the)\b[^.!?\n]{{0,40}}\b{_ADVISER}\b"
        rf"|\b(?:seek|get) (?:advice|help|guidance) from (?:an?|your)\b[^.!?\n]{{0,30}}\b{_ADVISER}\b"
        rf"|\bseek (?:professional|medical|legal)"
        r"|\bfor (?:informational|information|educational|entertainment|illustrative) purposes(?: only)?\b"
        rf"|\bi(?:'m| am) not an? (?:[a-z]+ )?{_ADVISER}\b|\bnot (?:a|be a|intended as a) (?:substitute"
        rf"|replacement) for\b"
        r"|\bplease (?:note|be aware|keep in mind|bear in mind|remember) that\b"
        r"|\bit(?:'s| is) (?:important|worth|crucial|essential) (?:to (?:note|remember|mention|understand"
        r"|keep in mind)|noting)\b"
        r"|\bi (?:do not|don't) (?:guarantee|take responsibility)\b|\b(?:may|might|could) (?:be|contain"
        r"|not be)[^.!?\n]{0,30}"
        r"\b(?:inaccurate|out of date|outdated|errors|up to date|up-to-date)\b|\bdisclaimer:)"
    ),
}
WHOLE = re.compile(
    r"(?:"
    r"(?:certainly|sure(?: thing)?|of course|absolutely|definitely|no problem|gladly|got it|great|excellent|okay"
    r"|hello|hi(?: there)?)!"
    rf"|(?:(?:sure|certainly|of course|absolutely),? )?i(?:'d| would) be {_EAGER} to (?:help|assist"
    rf"|answer)[^\n.!?]{{0,60}}[.!]"
    r"|(?:sure|certainly|of course|absolutely)[,.] i can (?:help|assist) (?:you )?with that[.!]"
    r"|(?:what an? |that(?:'s| is) an? )?(?:great|excellent|good|interesting) question[.!]"
    r"|thank(?:s| you) for (?:asking|your question|reaching out|your inquiry|using|choosing"
    r"|contacting)[^\n.!?]{0,40}[.!]"
    r"|(?:i )?(?:really )?hope (?:this|that|it) (?:helps|is helpful|was helpful|answers your question"
    r"|clarifies things)[^\n.!?]{0,40}[.!]"
    r"|(?:please )?(?:let me know|feel free to (?:ask|reach out|contact me|let me know)|(?:don't"
    r"|do not) hesitate to (?:ask|reach out|contact me))"
    r"[^\n.!?]{0,100}[.!]"
    r"|if you (?:have|need) any (?:other |more |further |additional )?(?:questions?|help|assistance"
    r"|clarification)[^\n.!?]{0,100}[.!]"
    r"|is there anything else (?:that )?(?:i can|you)[^\n.!?]{0,60}\?"
    r"|(?:have a|enjoy your) (?:great|nice|good|wonderful|lovely)? ?(?:day|evening|weekend|time)[.!]"
    r"|(?:i(?:'m| am) )?always (?:here|happy) to help[.!]"
    r")"
)
"""A sentence that is nothing but a phrase: it can be cut, and the answer stays whole."""


@dataclass(frozen=True, slots=True)
class Bank:
    """One search for all kinds of a place; which kind it was is the group's name."""

    any: re.Pattern[str]

    def kind(self, text: str, *, at_start: bool) -> str | None:
        found = self.any.match(text) if at_start else self.any.search(text)
        return found.lastgroup if found else None


def bank(kinds: dict[str, str]) -> Bank:
    return Bank(re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in kinds.items())))
