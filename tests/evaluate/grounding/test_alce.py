"""Citation scores equal cases worked by hand, and a plain transcription of ALCE's definition."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evaluate.grounding import citing, supported
from trimtab.text import citations, sentences

# a and b say one thing each, c says both, d says something else. Scores are (precision, recall).
PASSAGES = {
    "a": "The lamp weighs 300 grams.",
    "b": "The lamp costs 45 euros.",
    "c": "The lamp weighs 300 grams. The lamp costs 45 euros.",
    "d": "Parcels arrive on Tuesdays.",
}
WEIGHS, COSTS, BOTH = (
    "The lamp weighs 300 grams",
    "The lamp costs 45 euros",
    "The lamp weighs 300 grams, costs 45 euros",
)

WORKED: list[tuple[str, str, float, float]] = [
    ("one claim, its passage", f"{WEIGHS} [a].", 1, 1),
    ("one claim, the wrong passage", f"{WEIGHS} [d].", 0, 0),
    ("no citation at all", f"{WEIGHS}.", 0, 0),
    ("two claims, one cited: recall 1/2", f"{WEIGHS} [a]. {COSTS}.", 1, 1 / 2),
    ("two claims, one wrongly cited", f"{WEIGHS} [a]. {COSTS} [d].", 1 / 2, 1 / 2),
    ("joined: neither alone, both together", f"{BOTH} [a][b].", 1, 1),
    ("joined with a needless third: 2 of 3", f"{BOTH} [a][b][d].", 2 / 3, 1),
    ("either alone is enough: both precise", f"{WEIGHS} [a][c].", 1, 1),
    ("needless beside enough: 1 of 2", f"{WEIGHS} [a][d].", 1 / 2, 1),
    ("c holds all, a and b are needless: 1 of 3", f"{BOTH} [c][a][b].", 1 / 3, 1),
    ("half of what is said is held: nothing is", f"{BOTH} [a].", 0, 0),
    ("an invented id voids its sentence", f"{WEIGHS} [z].", 0, 0),
    ("an invented id beside a real one voids both", f"{WEIGHS} [a][z]. {COSTS} [b].", 1 / 3, 1 / 2),
    ("only three count: the fourth cannot save", f"{WEIGHS} [d][b][d2][a].", 0, 0),
    ("the fourth is cut: it costs nothing", f"{WEIGHS} [a][c][d][b].", 2 / 3, 1),
    ("an invented fourth voids all the same", f"{WEIGHS} [a][c][d][z].", 0, 0),
    ("one bracket with two ids", f"{BOTH} [a, b].", 1, 1),
    ("a citation after the full stop", f"{WEIGHS}. [a]", 1, 1),
    ("three sentences: 2 of 3 held, 2 of 3 precise", f"{WEIGHS} [a]. {COSTS} [a]. {COSTS} [b].", 2 / 3, 2 / 3),
    ("nothing said", "", 0, 0),
    ("ours: the same passage twice counts once", f"{WEIGHS} [a][a][d].", 1 / 2, 1),
    ("ours: a question claims nothing", f"{WEIGHS} [a]. Shall I look up the price?", 1, 1),
    ("ours: a greeting claims nothing", f"Hello! {WEIGHS} [a].", 1, 1),
]


@pytest.mark.parametrize(("answer", "precision", "recall"), [row[1:] for row in WORKED], ids=[row[0] for row in WORKED])
def test_scores_worked_by_hand(answer: str, precision: float, recall: float) -> None:
    score = citing(answer, PASSAGES)
    assert [score.precision, score.recall] == pytest.approx([precision, recall])


def alce(answer: str, entails: Callable[[str, str], bool]) -> tuple[float, float]:
    """The definition read off the paper's section 4 and its script, step by step, for answers without invented ids."""
    said = sentences(answer)
    held, precise, cited = 0, 0, 0
    for sentence in said:
        ids = citations(sentence)[:3]
        if not ids:
            continue
        cited += len(ids)
        if not entails("\n".join(PASSAGES[one] for one in ids), sentence):
            continue
        held += 1
        for one in ids:
            rest = "\n".join(PASSAGES[other] for other in ids if other != one)
            alone = entails(PASSAGES[one], sentence)
            precise += alone or not (rest and entails(rest, sentence))
    return (precise / cited, held / len(said)) if cited else (0.0, 0.0)


_ids = st.lists(st.sampled_from(sorted(PASSAGES)), max_size=4, unique=True)
_sentence = st.builds(
    lambda text, ids: f"{text} {''.join(f'[{one}]' for one in ids)}.", st.sampled_from([WEIGHS, COSTS, BOTH]), _ids
)


@given(st.lists(_sentence, min_size=1, max_size=4))
def test_scores_equal_a_plain_transcription_of_the_definition(said: list[str]) -> None:
    answer = " ".join(said)
    score = citing(answer, PASSAGES)
    plain = alce(answer, lambda premise, sentence: supported(sentence, premise))
    assert [score.precision, score.recall] == pytest.approx(list(plain))
