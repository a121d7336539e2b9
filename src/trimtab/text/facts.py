"""What in a text can be checked against a source: its numbers, its names and codes, its content words."""

import re
from collections.abc import Iterator
from decimal import Decimal

from trimtab.text.cite import citations, sentences, strip_citations
from trimtab.text.normal import words

# A number is no part of a word or code ("AB-1234", "COVID-19"); a unit may follow it ("20kg", "30-day").
_NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z][-_])([-−]?)(\d{1,3}(?:,\d{3})+(?!\d)|\d+)(\.\d+)?")
_CODE = re.compile(
    r"(?<![\w-])(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])(?:[A-Z]{1,8}\d[A-Z0-9]*|[A-Z0-9]{1,12})(?:-[A-Z0-9]{1,12})*(?![\w-])"
)
_CAPITAL = re.compile(r"(?<![\w-])(?:[^\W\d_a-zß-öø-ÿ]|[a-z]{1,3}(?=[A-Z]))(?:[\w&'’.-]*\w)?")
_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SPELLED = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})(?:[- ](?P<unit>{'|'.join(_SMALL[1:10])}))?"
    rf"|(?P<small>zero|{'|'.join(_SMALL[2:])}))\b",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\[[^\[\]\n]{1,200}\](?!\()")
_POSSESSIVE = re.compile(r"['’]s$")
_JOINED = re.compile(r"\s+(?:(?:of|of the|de|da|du|van|von|&)\s+)?")
_STOP_WORDS = frozenset(
    word
    for line in (
        "a about above after again against all also am an and any are arent as at be because been before being",
        "below between both but by can cannot cant could couldnt did didnt do does doesnt doing dont down during",
        "each either etc few for from further had hadnt has hasnt have havent having he her here hers herself him",
        "himself his how however i id if ill im in into is isnt it its itself ive just let lets may me might more",
        "most must my myself no nor not now of off on once one only or other our ours ourselves out over own per",
        "please same shall she should shouldnt so some such than that thats the their theirs them themselves then",
        "there theres these they theyre this those through thus to too under until up upon us very via was wasnt",
        "we well were weve werent what when where whether which while who whom whose why will with within without",
        "wont would wouldnt yes yet you youll your youre yours yourself youve according based following hence",
        "therefore thanks hello hi sorry sure ok okay unfortunately first second next finally additionally",
    )
    for word in line.split()
)


def numbers(text: str) -> set[str]:
    """Numbers in one form: ``1,000`` and ``1000.0`` are ``1000``, ``$12.50`` is ``12.5``, ``six`` is ``6``.

    The digits of a code such as ``AB-1234`` are none, nor is the word *one*; citations are left out.
    """
    return {value for _, _, value in _occurrences(strip_citations(text))}


def number_spans(text: str) -> list[tuple[int, int, str]]:
    """Where each number stands, (start, end, its form as in ``numbers``), in order; citations hold none."""
    blank = _BRACKETS.sub(lambda found: " " * len(found.group()) if citations(found.group()) else found.group(), text)
    return sorted(_occurrences(blank))


def _occurrences(bare: str) -> Iterator[tuple[int, int, str]]:
    for match in _SPELLED.finditer(bare):
        yield *match.span(), _spelled(match)
    for match in _NUMBER.finditer(bare):
        sign, whole, fraction = match.groups()
        value = Decimal(whole.replace(",", "") + (fraction or ""))
        plain = format(value.normalize(), "f") if value else "0"
        yield *match.span(), f"-{plain}" if sign and plain != "0" else plain


def _spelled(match: re.Match[str]) -> str:
    tens, unit, small = ((match[name] or "").casefold() for name in ("tens", "unit", "small"))
    if small:
        return str(_SMALL.index(small))
    return str(10 * _TENS.index(tens) + 20 + (_SMALL.index(unit) if unit else 0))


def entities(text: str) -> set[str]:
    """Names (runs of capitalised words) and codes such as ``AB-1234``, as written.

    The capital that merely opens a sentence makes no name, nor does a stop word.
    """
    bare = strip_citations(text)
    found = set(_CODE.findall(bare))
    for sentence in sentences(_CODE.sub("·", bare)):
        found |= {name for run in _runs(sentence) if (name := _name(run, sentence)) and name not in found}
    return found


def content_words(text: str) -> set[str]:
    """The words that carry meaning, stop words left out, inflection lightly stemmed; citations are none."""
    return {_stem(word) for word in words(strip_citations(text)) if word not in _STOP_WORDS}


def _runs(sentence: str) -> list[list[re.Match[str]]]:
    """Capitalised words that follow one another, a particle between them allowed."""
    runs: list[list[re.Match[str]]] = []
    for match in _CAPITAL.finditer(sentence):
        if runs and _JOINED.fullmatch(sentence, runs[-1][-1].end(), match.start()):
            runs[-1].append(match)
        else:
            runs.append([match])
    return runs


def _name(run: list[re.Match[str]], sentence: str) -> str:
    while run and _is_stop(run[0].group()):
        run = run[1:]
    while run and _is_stop(run[-1].group()):
        run = run[:-1]
    if not run:
        return ""
    opens = not re.search(r"\w", sentence[: run[0].start()])
    if opens and len(run) == 1 and not _unusual(run[0].group()):
        return ""
    return _POSSESSIVE.sub("", " ".join(sentence[run[0].start() : run[-1].end()].split()))


def _is_stop(word: str) -> bool:
    return all(part in _STOP_WORDS for part in words(word)) or len(word) == 1


def _unusual(word: str) -> bool:
    """Capitals or digits past the first letter: a name even where it opens a sentence."""
    return any(char.isupper() or char.isdigit() for char in word[1:])


def _stem(word: str) -> str:
    """Plural, -ing and -ed off, a doubled consonant undoubled, a final e off: enough to match inflected forms."""
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ing", "ed"):
        if word.endswith(suffix) and len(word) > len(suffix) + 2 and re.search("[aeiouy]", word[: -len(suffix)]):
            word = word[: -len(suffix)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
