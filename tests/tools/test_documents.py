"""Knowledge files become passages with ids that an answer can cite."""

from pathlib import Path

import pytest

from trimtab.records import UserError
from trimtab.text import citations
from trimtab.tools import Passage, load_documents
from trimtab.tools.documents import parse_document

WHOLE = "---\nid: war-1\ntitle: Guarantee\nurl: https://stoves.example/war\n---\nFive years.\n\nOn every burner.\n"
PARTS = "---\nid: del-1\ntitle: Delivery\n---\nBy post.\n\n## Abroad\nTen days.\n\n## At home\nThree days.\n"


def test_one_document_is_one_passage() -> None:
    assert parse_document(WHOLE) == [
        Passage("war-1", "Guarantee", "Five years. On every burner.", "https://stoves.example/war")
    ]


def test_sections_are_passages_of_their_own() -> None:
    found = parse_document(PARTS)
    assert [(passage.id, passage.title, passage.text) for passage in found] == [
        ("del-1", "Delivery", "By post."),
        ("del-1#1", "Delivery: Abroad", "Ten days."),
        ("del-1#2", "Delivery: At home", "Three days."),
    ]


def test_every_id_can_be_cited() -> None:
    for passage in parse_document(PARTS):
        assert citations(f"So it is [{passage.id}].") == [passage.id]


def test_windows_line_ends_change_nothing() -> None:
    assert parse_document(PARTS.replace("\n", "\r\n")) == parse_document(PARTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Just text.", "no front matter"),
        ("---\nid: a\n---\nText.", "an id and a title"),
        ("---\nid: a\ntitle: [\n---\nText.", "no YAML"),
        ("---\nid: a b\ntitle: t\n---\nText.", "cannot be cited"),
        ("---\nid: a\ntitle: t\n---\n\n", "no text"),
    ],
)
def test_a_bad_document_is_said_with_its_file(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_text(text)
    with pytest.raises(UserError, match=rf"bad\.md.*{message}"):
        load_documents(tmp_path)


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text(WHOLE)
    (tmp_path / "a.md").write_text(PARTS)
    assert [passage.id for passage in load_documents(tmp_path)] == ["del-1", "del-1#1", "del-1#2", "war-1"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no knowledge files"):
        load_documents(tmp_path)
