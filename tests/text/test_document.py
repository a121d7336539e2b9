"""A page is whole by itself, and what is text in it stays text."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from trimtab.text import document, facts_row


class Read(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.said.append(data)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_facts_are_text_whatever_they_hold(facts: list[tuple[str, str]]) -> None:
    assert set(Read(facts_row(facts)).tags) <= {"dl", "div", "dt", "dd"}


def test_the_title_is_text_and_the_body_is_not() -> None:
    page = document("</title><script>", "<p>said</p>", style="p { color: red }")
    tags = Read(page).tags
    assert tags.count("title") == tags.count("p") == 1
    assert "script" not in tags
    assert page.index("--ground") < page.index("p { color: red }")


def test_a_script_comes_after_what_it_works_on() -> None:
    page = document("t", "<p id=x>", script="run();")
    assert page.index("<p id=x>") < page.index("<script>") < page.index("run();")
