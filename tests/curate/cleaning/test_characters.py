"""Characters: what nobody sees or meant goes, what is honest stays, and cleaning twice is cleaning once."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.curate.cleaning.characters import _is_plain, clean_text, safe_text
from trimtab.curate.cleaning.mojibake import fix_mojibake
from trimtab.records import Comparison, Message, ToolCall

NASTY = st.text(
    st.sampled_from(
        "abcÉéÂÃâ€™œ\u0080\u0099\u009d\u00a0\u200b\u200d\ufeff\u202e\u3000\u2028\r\n\t \x00\x1b[0m`~|\ud800\udc00\ufffd"
        "日本ш\u0301\U000e0041\U0001f3f4\u0600\u034f"
    ),
    max_size=60,
)
HONEST = [
    "Île-de-France, Ïambe, RÃ² e IRMÃ; Â é ª",
    "L’été à Besançon : « ça va ? » — œuvre, naïve, 25 °C.",
    "IRMÃ» e CAFÉ» ficam como estão; À propos, Ângela e Ã.",
    "„MÄ“ und ÄÖÜ: groß, 50 €, § 12.",
    "Привет, мир! 日本語のテキスト。مرحبا بالعالم",
    "Tiếng Việt: Ắt hẳn là được.",
    "👩‍👩‍👧 and 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
]


def spoilt(text: str) -> str:
    """UTF-8 read as Windows-1252, and as Latin-1 where that has no sign."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())


@pytest.mark.parametrize("text", HONEST)
def test_honest_text_is_never_repaired(text: str) -> None:
    assert fix_mojibake(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "It’s “fine” – really…",
        "café, naïve, über, señor",
        "100 € or £50 at 25 °C",
        "Привет, как дела",
        "日本語 😀 ok",
        "São Tomé, Röntgen: β-(1,4) and θ",
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_text_read_in_the_wrong_encoding_is_read_back(text: str, times: int) -> None:
    bad = text
    for _ in range(times):
        bad = spoilt(bad)
    assert bad != text
    assert fix_mojibake(bad) == text


PLAIN_WORDS = ["été", "über", "naïve", "“so”", "it’s", "–", "…", "ñ", "привет", "日本", "😀", "plain", "words", "42"]


@given(st.lists(st.sampled_from(PLAIN_WORDS), min_size=1))
def test_whatever_words_are_spoilt_come_back(words: list[str]) -> None:
    text = " ".join(words)
    assert fix_mojibake(spoilt(text)) == text


@given(NASTY)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once, kinds = clean_text(text)
    assert clean_text(once) == (once, ())
    assert bool(kinds) == (once != text)


@given(NASTY)
def test_what_is_cleaned_can_be_encoded_and_is_composed(text: str) -> None:
    once, _ = clean_text(text)
    once.encode()
    assert once == once.strip(" \n") or "```" in once or "~~~" in once or "\n" in once
    assert "\x00" not in once
    assert "\r" not in once
    if "```" not in once and "~~~" not in once:
        assert unicodedata.is_normalized("NFC", once)
        assert not set(once) & set("\u200b\ufeff\u202e\x1b\u2028")


@given(NASTY)
def test_the_fast_way_never_passes_what_the_slow_one_would_change(text: str) -> None:
    if _is_plain(text):
        slow = unicodedata.normalize("NFC", fix_mojibake(text)).strip()
        assert slow == text
        assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in text if char not in "\n\t")


@given(NASTY)
def test_where_only_the_unreadable_may_go_all_else_stays(text: str) -> None:
    kept, kinds = safe_text(text)
    kept.encode()
    assert [char for char in text if char in kept] == list(kept) or "\ud800" in text
    assert kinds == () or kept != text


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("a\r\nb", "a\nb", "line ends"),
        ("a\u200bb\ufeff", "ab", "invisible characters"),
        ("a\u202eb", "ab", "invisible characters"),
        ("a\u00a0b\u2009c", "a b c", "odd spaces"),
        ("it\x92s", "it’s", "control characters"),
        ("\x1b[31mred\x1b[0m", "red", "control characters"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9", "Unicode form"),
        ("a \nb", "a\nb", "trailing spaces"),
        ("a\n\n\n\nb", "a\n\nb", "blank lines"),
        ("\n a \n", "a", "outer spaces"),
        ("a\ud83d\ude00b\udc00", "a😀b", "unreadable characters"),
        ("hi\U000e0068\U000e0069", "hi", "invisible characters"),
    ],
)
def test_each_kind_of_repair_is_named(before: str, after: str, kind: str) -> None:
    cleaned, kinds = clean_text(before)
    assert cleaned == after
    assert kind in kinds


@pytest.mark.parametrize(
    "text",
    [
        "Look:\n\n```python\ndef f():\n    x = 1   \n\n\n\n    return 'â€™\u00a0'\n```\n\nDone.",
        "| a   | b |\n|-----|---|\n| 1   | 2 |   \n| 3   | 4 |",
        "A line  \nbroken on purpose",
        "می‌خواهم",
        "    indented = 1\n    code = 2",
        "全角\u3000スペース",
    ],
)
def test_code_tables_and_what_a_script_needs_stay_as_they_are(text: str) -> None:
    assert clean_text(text) == (text, ())


def test_every_change_of_a_row_is_a_repair_with_its_turn_and_line(clean: Any, chat: Any) -> None:
    row = chat("Whatâ€™s up?", "Nothing\u200b much.")
    done = clean(chat("Fine?", "Yes, it is fine."), row)
    assert [(fix.kind, fix.detail, fix.line) for fix in done.repairs] == [
        ("mojibake", "messages[0]", 2),
        ("invisible characters", "messages[1]", 2),
    ]
    assert [turn.content for turn in done.rows[1].row.messages] == ["What’s up?", "Nothing much."]


def test_what_a_tool_returned_and_what_the_system_says_keep_their_characters(clean: Any, chat: Any) -> None:
    call = Message("assistant", tool_calls=(ToolCall("look", {"for": "â€™"}, "c"),))
    result = Message("tool", '{"a": "â€™"} ', tool_call_id="c")
    row = chat(Message("system", "Be kind \n"), Message("user", "Q?"), call, result, Message("assistant", "Done now."))
    (kept,) = clean(row).rows
    assert kept.row.messages[0].content == "Be kind \n"
    assert kept.row.messages[2].tool_calls[0].arguments == {"for": "â€™"}
    assert kept.row.messages[3].content == '{"a": "â€™"} '


def test_all_sides_of_a_pair_are_cleaned(clean: Any) -> None:
    pair = Comparison(
        (Message("user", "Q\u200b?"),), (Message("assistant", "A\u200b."),), (Message("assistant", "B\u200b."),)
    )
    (placed,) = clean(pair).rows
    assert "\u200b" not in str(placed.row.to_json())
    assert placed.row.rejected[0].content == "B."
