"""Events from bytes: where the stream is cut changes nothing, and what is no stream is said to be none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.engine.sse import BadStream, Events

_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
_VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8)
_LINES = st.one_of(
    _VALUES.map(lambda value: f"data: {value}"),
    _VALUES.map(lambda value: f"data:{value}"),
    _VALUES.map(lambda value: f":{value}"),
    st.sampled_from(["", "", "", "event: x", "id: 7", "data"]),
)


def plain(text: str) -> list[str]:
    """The slow twin: the whole text at once, as the standard words it."""
    lines = re.split("\r\n|\n|\r", text.removeprefix("\ufeff"))[:-1]
    found: list[str] = []
    data: list[str] = []
    for line in lines:
        if line == "":
            found += ["\n".join(data)] if data else []
            data = []
        elif line == "data" or line.startswith("data:"):
            value = line[5:]
            data.append(value[1:] if value.startswith(" ") else value)
    return found


@given(st.lists(st.tuples(_LINES, _ENDS)), st.booleans(), st.data())
def test_cuts_change_nothing(rows: list[tuple[str, str]], mark: bool, data: st.DataObject) -> None:
    text = ("\ufeff" if mark else "") + "".join(line + end for line, end in rows)
    stream = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    events, found = Events(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += events.push(stream[start:end])
    assert found == plain(text)


def test_every_cut_of_a_stream_with_all_its_oddities_gives_the_same() -> None:
    stream = "\ufeff: hello\r\ndata: grüß\r\ndata:  😀\r\n\r\nevent: x\rdata: b\r\rdata: cut".encode()
    whole = Events().push(stream)
    assert whole == ["grüß\n 😀", "b"]
    for cut in range(len(stream)):
        events = Events()
        assert events.push(stream[:cut]) + events.push(stream[cut:]) == whole
    events = Events()
    assert [text for at in range(len(stream)) for text in events.push(stream[at : at + 1])] == whole


def test_bytes_that_are_no_text_and_lines_without_end_are_refused() -> None:
    with pytest.raises(BadStream, match="UTF-8"):
        Events().push(b"data: \xff\n\n")
    with pytest.raises(BadStream, match="longer"):
        Events().push(b"data: " + b"x" * (1 << 21))
    with pytest.raises(BadStream, match="event of the stream is longer"):
        Events().push((b"data: " + b"x" * (1 << 16) + b"\n") * 40)
