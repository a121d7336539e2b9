"""Language, quality, licence, consent and action: labelled on every row, filtered only where the settings say so."""

import re
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.cleaning import CleaningConfig
from trimtab.curate.cleaning.language import by_words, script_of
from trimtab.curate.cleaning.licences import licence_name
from trimtab.curate.cleaning.notes import FLAGS
from trimtab.curate.cleaning.quality import _duplicate_share, _grams, _top_share, quality_flags
from trimtab.records import Example, Message, ToolCall, UserError

PROSE = (
    "The kettle was made in a small shop beside the river, where people have worked with copper for a long time. "
    "It holds a litre of water and takes four minutes to boil on a gas flame. You should not leave it empty on the "
    "fire, because the tin inside would melt. Clean it with salt and half a lemon, and dry it well after that."
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (PROSE, "en"),
        ("Der Kessel wurde in einem kleinen Laden am Fluss gemacht und er ist nicht aus Blech.", "de"),
        ("La bouilloire a été faite dans un petit atelier qui est au bord de la rivière.", "fr"),
        ("La tetera se hizo en un taller pequeño que está junto al río y no es de lata.", "es"),
        ("Il bollitore è stato fatto in una piccola bottega che si trova vicino al fiume.", "it"),
        ("A chaleira foi feita em uma pequena oficina que fica ao lado do rio e não é de lata.", "pt"),
        ("De ketel werd gemaakt in een kleine winkel die aan de rivier staat en is niet van blik.", "nl"),
        ("Чайник был сделан в маленькой мастерской у реки.", "und-Cyrl"),
        ("やかんは川のそばの小さな店で作られました。", "ja"),
        ("水壶是在河边的小店里做的。", "und-Hani"),
        ("주전자는 강가의 작은 가게에서 만들어졌습니다.", "ko"),
        ("Ο βραστήρας φτιάχτηκε σε ένα μικρό μαγαζί.", "el"),
        ("42 + 7 = 49", "und"),
        ("Xylo brontik quaz", "und-Latn"),
    ],
)
def test_the_language_is_told_by_script_and_small_words(text: str, language: str) -> None:
    assert by_words(text) == language


@given(st.text(max_size=80))
def test_any_text_has_a_script_and_a_language(text: str) -> None:
    assert re.fullmatch(r"[A-Z][a-z]{3}", script_of(text))
    assert re.fullmatch(r"[a-z]{2}|und(?:-[A-Z][a-z]{3})?", by_words(text))


def test_every_row_has_a_language_and_a_quality_and_a_filter_keeps_to_them(clean: Any, chat: Any) -> None:
    rows = (chat("Was?", "Das ist der Kessel, und er ist aus Kupfer."), chat("What?", "It is a kettle of copper."))
    assert [placed.row.labels["language"] for placed in clean(*rows).rows] == ["de", "en"]
    assert all(placed.row.labels["quality"] == {} for placed in clean(*rows).rows)
    done = clean(*rows, languages=["en"])
    assert [(drop.reason, drop.detail, drop.line) for drop in done.drops] == [("language", "de is none of en", 1)]


def test_py3langid_that_is_not_there_is_one_clear_message(
    clean: Any, chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "py3langid", None)
    with pytest.raises(UserError, match="py3langid"):
        clean(chat("Q?", "A b c."), identify="langid")


def test_py3langid_tells_what_small_words_cannot(clean: Any, chat: Any) -> None:
    pytest.importorskip("py3langid", reason="the language extra is not installed")
    (placed,) = clean(chat("Q?", "Чайник был сделан в маленькой мастерской у реки."), identify="langid").rows
    assert placed.row.labels["language"] == "ru"


def test_a_language_filter_keeps_what_is_too_short_to_tell(clean: Any, chat: Any) -> None:
    rows = (chat("Where?", "Paris."), chat("Sum?", "42"), chat("Где?", "Чайник был сделан в мастерской."))
    assert [drop.line for drop in clean(*rows, languages=["en"]).drops] == [3]
    assert [drop.line for drop in clean(*rows, languages=["und-Cyrl"]).drops] == [1]


def test_labels_that_a_row_brings_are_kept(clean: Any, chat: Any) -> None:
    done = clean(chat("Q?", "It is so.", labels={"action": "answer", "language": "sco", "quality": "high"}))
    assert done.rows[0].row.labels == {"action": "answer", "language": "sco", "quality": {}, "quality_given": "high"}
    assert [fix.kind for fix in done.repairs] == ["quality label"]
    assert not clean(done.rows[0].row).repairs


def test_a_filter_on_a_flag_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no flag is called bad_words"):
        CleaningConfig(drop_quality=("bad_words",))


GARBAGE = [
    ("repeated_lines", "\n".join(["Click here to read on and on."] * 8)),
    ("top_2gram", "ha ho " * 40),
    ("duplicate_5gram", " ".join(f"{PROSE} {PROSE}".split())),
    ("words_without_letters", "&& ?? 12 12 99 ;; !! ab 77 -- 14 15 16 %% 18 cd 20 21 22 23 24 25 26 27"),
    ("mean_word_length", "a b c d e f g h i j k l m n o p q r s t u v w x y z"),
    ("symbols_per_word", "well ... so ... then ... he ... she ... they ... we ... you ... it ... all ... go on"),
    (
        "ellipsis_lines",
        "\n".join(f"{topic} is sold in the market by the sea..." for topic in ("tea", "rope", "salt", "wool")),
    ),
    ("no_stop_words", " ".join(f"{PROSE[i : i + 7].replace(' ', 'x')}q" for i in range(0, 400 - 7, 7))),
    ("placeholder_text", "Lorem ipsum dolor sit amet"),
    ("replacement_characters", "It is a caf\ufffd."),
]


@pytest.mark.parametrize(("flag", "text"), GARBAGE)
def test_each_sign_of_garbage_is_named_with_its_value(clean: Any, chat: Any, flag: str, text: str) -> None:
    flags = quality_flags(text)
    assert flags.get(flag) is not None
    assert isinstance(flags[flag], float)
    assert set(flags) <= FLAGS


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "Paris.",
        "```python\nfor i in range(10):\n    print(i)\n    print(i)\n    print(i)\n```",
        "def f(x):\n    return x + 1\n\ndef g(x):\n    return x + 2\n\n"
        "for i in range(3):\n    f(i)\n    g(i)\n    f(i)\n    g(i)",
        "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 20,
        "3 + 4 = 7, so 7 * 2 = 14, and 14 - 5 = 9. Then 9 / 3 = 3, 3 + 3 = 6, 6 * 6 = 36, 36 + 4 = 40, and 40 / 8 = 5.",
        r"We have $x^2 + y^2 = z^2$ and \[ \int_0^1 x \, dx = \frac{1}{2} \] "
        "which is what the rule says for all of these x.",
        "- tea\n- rope\n- salt\n- wool\n- clay\n- iron\n- glass\n- sand\n- milk\n- coal"
        "\n- wood\n- silk\n- lead\n- zinc\n- tin\n- gold\n- jade\n- corn\n- rice\n- hemp\n- flax",
    ],
)
def test_prose_code_tables_sums_and_lists_are_no_garbage(text: str) -> None:
    assert quality_flags(text) == {}


WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "a", "the", "end"]), min_size=4, max_size=40)


@given(WORDS, st.integers(2, 6))
def test_shares_of_ngrams_equal_a_plain_count(words: list[str], n: int) -> None:
    total = sum(map(len, words))
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    assert _grams(words, n) == grams
    counts = Counter(grams)
    top = max((counts[gram] * len("".join(gram)) for gram in grams if counts[gram] > 1), default=0)
    assert _top_share(words, n, total) == top / total
    late = {j for i, gram in enumerate(grams) if gram in grams[:i] for j in range(i, i + n)}
    assert _duplicate_share(words, n, total) == pytest.approx(sum(len(words[j]) for j in late) / total)
    assert _duplicate_share(words, n + 1, total) <= _duplicate_share(words, n, total)


def test_a_quality_flag_drops_a_row_only_where_it_is_asked_to(clean: Any, chat: Any) -> None:
    row = chat("Laugh!", ("ha ho " * 40).strip() + ".")
    assert clean(row).findings["flags"]["top_2gram"] == 1
    assert clean(row).rows
    (drop,) = clean(row, drop_quality=["top_2gram"]).drops
    assert drop.reason == "quality"
    assert drop.detail.startswith("top_2gram: ")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Apache 2.0", "Apache-2.0"),
        ("apache-2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("The MIT License", "MIT"),
        ("mit", "MIT"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0"),
        ("Creative Commons Attribution-ShareAlike 3.0", "CC-BY-SA-3.0"),
        ("Creative Commons Attribution Non-Commercial 4.0 International", "CC-BY-NC-4.0"),
        ("cc by-nd v4", "CC-BY-ND-4.0"),
        ("CC0", "CC0-1.0"),
        ("ODC-BY", "ODC-By-1.0"),
        ("unknown", "none"),
        (None, "none"),
        ("  ", "none"),
        ("Acme Terms 7", "Acme Terms 7"),
    ],
)
def test_licences_have_one_name_each(written: Any, name: str) -> None:
    assert licence_name(written) == name
    assert licence_name(name) == name


def licensed(chat: Any, licence: Any = None, consent: Any = None, key: str = "license") -> Example:
    said = {key: licence, "consent": consent}
    row: Example = chat("Q?", "It is so.", provenance={key: value for key, value in said.items() if value is not None})
    return row


def test_only_licences_that_are_allowed_and_not_denied_pass(clean: Any, chat: Any) -> None:
    rows = [licensed(chat, name) for name in ("CC BY 4.0", "cc-by-nc-4.0", "mit", None)]
    assert len(clean(*rows).rows) == 4
    done = clean(*rows, licences={"allow": ["CC-BY-*", "MIT"], "deny": ["*-NC-*"]})
    assert [placed.line for placed in done.rows] == [1, 3]
    assert [(drop.reason, drop.detail) for drop in done.drops] == [
        ("licence", "CC-BY-NC-4.0 is not allowed"),
        ("licence", "none is not allowed"),
    ]
    assert clean(*rows).findings["licences"] == {"CC-BY-4.0": 1, "CC-BY-NC-4.0": 1, "MIT": 1, "none": 1}


def test_the_licence_is_carried_by_its_name_and_the_change_is_said(clean: Any, chat: Any) -> None:
    done = clean(licensed(chat, "apache 2.0", key="licence"))
    assert done.rows[0].row.provenance == {"license": "Apache-2.0"}
    assert [fix.kind for fix in done.repairs] == ["licence name"]
    assert not clean(done.rows[0].row).repairs


def test_refused_consent_always_goes_and_unknown_consent_where_it_is_required(clean: Any, chat: Any) -> None:
    rows = [licensed(chat, consent=said) for said in (True, "opted in", False, "withdrawn", "maybe", None)]
    done = clean(*rows)
    assert [placed.line for placed in done.rows] == [1, 2, 5, 6]
    assert done.findings["consent"] == {"given": 2, "unknown": 2}
    strict = clean(*rows, consent="required")
    assert [placed.line for placed in strict.rows] == [1, 2]
    assert {drop.reason for drop in strict.drops} == {"consent"}


CALLS = (Message("user", "Look!"), Message("assistant", tool_calls=(ToolCall("look", {}),)))


def test_a_label_that_the_last_turn_contradicts_is_a_finding(clean: Any, chat: Any) -> None:
    rows = [
        chat("Q?", "It is so."),
        chat("Q?", "I can't help with that.", labels={"action": "answer", "domain": "shop"}),
        Example(CALLS, labels={"action": "answer"}),
    ]
    found = clean(*rows).findings["actions"]
    assert found["by_domain"] == {"none": {"answer": 2}, "shop": {"answer": 1}}
    assert found["contradicted"] == {
        "rows": 2,
        "certain": 1,
        "by_pair": {"answer but call_tool": 1, "answer but decline": 1},
        "first": [
            {"label": "answer", "told": "decline", "place": "set.jsonl:2", "certain": False},
            {"label": "answer", "told": "call_tool", "place": "set.jsonl:3", "certain": True},
        ],
    }
    relabelled = clean(*rows, actions="relabel")
    assert [placed.row.labels["action"] for placed in relabelled.rows] == ["answer", "decline", "call_tool"]
    assert [fix.line for fix in relabelled.repairs] == [2, 3]
    dropped = clean(*rows, actions="drop")
    assert [(drop.reason, drop.line) for drop in dropped.drops] == [("action contradicted", n) for n in (2, 3)]


def test_a_row_without_an_action_gets_one_and_where_it_comes_from(clean: Any, chat: Any) -> None:
    done = clean(chat("Q?", "Could you tell me the order number?", labels={}))
    assert done.rows[0].row.labels["action"] == "clarify"
    assert done.rows[0].row.provenance["action"] == "told from the last turn"
