"""How much a word tells: little where everybody says it or most cases do, most where it is a number."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from trimtab.text import content_words

_STOP, _COMMON, _TELLING, _NUMBER = 0.1, 0.45, 1.0, 2.5
_FEW = 20
"""Texts below which a share among them says nothing."""
_COMMON_WORDS = frozenset(
    word
    for line in (
        "able account act actually add age ago air allow almost alone along already always amount another",
        "answer anyone anything area around article ask asked away back bad base begin believe best better",
        "big bit black blood blue body book born both bottom bought box boy bring brother build business buy",
        "call called came car care case cause center chance change child children city class close cold color",
        "come comes company consider contain continue correct cost could country course court create cut",
        "daily data date daughter day days dead deal death decide describe development die died different",
        "difference dinner dog dollars done door dream drive due early earn east easy eat effect eight end",
        "enough even event ever every everyone everything example explain eye face fact fall family far fast",
        "father feel feet female few field fight film final find fine fire five follow food foot form found",
        "four free friend friends front full game gave general get girl give given go goes going gone good",
        "got government great green ground group grow guy half hand happen happened hard head health hear",
        "heart heat help high history hit hold home hot hour hours house hundred husband idea important",
        "include increase information inside instead island job join keep kept key kill kind king know known",
        "land language large last late law lead learn least leave left less let letter level life light like",
        "likely line list little live lived local long look lost lot love low machine made main major make",
        "makes making male man many market matter mean means men method middle mile miles million minute",
        "minutes model moment money month months morning mother move movie much music name named national",
        "nature near need needs never new news next night nine north note nothing number numbers office often",
        "oil old open order original others outside page paid paper parents part party pass past pay people",
        "percent perform period person phone picture piece place plan play played player point poor popular",
        "position possible power present president pretty price problem process produce product program",
        "provide public put question quickly quite rate reach read real really reason receive record red",
        "region related release released remain remaining report represent require rest result return right",
        "rise river road role room round rule run said sale say saying says school scene science sea season",
        "second see seem seen sell send series service set seven several short show shows sign similar simple",
        "since single sister sit six size small social sold someone something sometimes son song soon sort",
        "sound source south space speak special spend spent stand star start started state states statement",
        "stay step still stop store story street strong student students study such sum summer sun support",
        "system table take taken takes talk teacher team tell ten term test thank thing things think third",
        "thought thousand three time times today together told took top total toward town travel tree true",
        "try turn twice two type understand unit use used using usually value view want wanted war water way",
        "week weeks weight went west white whole wife win wish woman women wonder word words work works world",
        "worth write written wrong wrote year years young",
    )
    for word in line.split()
)


@lru_cache(maxsize=1 << 17)
def plain_weight(word: str) -> float:
    """0.1 for a stop word or a single letter, 0.45 for an everyday word, 1 for any other, 2.5 for what has digits.

    Order A-17 and order A-18 are two questions: a number is what tells one row of a template from the next.
    """
    if any(map(str.isdigit, word)):
        return _NUMBER
    if (len(word) == 1 and word.isascii()) or not content_words(word):
        return _STOP
    return _COMMON if word in _COMMON_WORDS else _TELLING


def weigh(texts: Sequence[Sequence[str]]) -> list[npt.NDArray[np.float32]]:
    """Each word's weight in each text: less the more of the texts hold it (a hundredth: all of it; a tenth: half)."""
    held = Counter(word for text in texts for word in set(text))
    count = len(texts)

    def weight(word: str) -> float:
        share = held[word] / count
        rare = 1.0 if count < _FEW else min(1.0, max(0.1, -float(np.log10(share)) / 2))
        return plain_weight(word) * rare

    return [np.array([weight(word) for word in text], dtype=np.float32) for text in texts]
