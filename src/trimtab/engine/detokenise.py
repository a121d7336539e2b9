"""Token ids to text as they come: never half a character, and never what may turn out to be a stop string."""

from collections.abc import Callable, Sequence

_UNFINISHED = "�"


class Detokeniser:
    """Text of tokens as they arrive. Concatenated, ``push`` and ``flush`` equal ``decode`` of all ids.

    Decodes a window that starts at the last token after which no character was open, so a reply costs linear time.
    Only the last replacement character may still become a real one: UTF-8 shows an unfinished character as one.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._before = 0  # tokens of the window given out already, kept for decoders that look at a token's left
        self._given = 0  # characters of the window given out

    def push(self, ids: Sequence[int]) -> str:
        """The characters that ``ids`` complete."""
        if not ids:
            return ""
        self._ids.extend(ids)
        text = self._decode(self._ids)
        whole = text.removesuffix(_UNFINISHED)
        new = whole[self._given :]
        self._given = max(self._given, len(whole))
        if whole == text:
            self._ids = self._ids[self._before :]
            self._before = len(self._ids)
            self._given = len(self._decode(self._ids))
        return new

    def flush(self) -> str:
        """The characters left open at the end, as the replacement character that they are."""
        return self._decode(self._ids)[self._given :]


class StopStrings:
    """Cuts text before the first stop string, and holds back an end that may be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.hit = False

    def push(self, text: str) -> str:
        """The text that is certain to come before any stop string; nothing more after ``hit``."""
        if self.hit:
            return ""
        text = self._held + text
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.hit, self._held = True, ""
            return text[: min(found)]
        cut = len(text) - max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[cut:]
        return text[:cut]

    def flush(self) -> str:
        """What was held back and has become plain text."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How long an end of ``text`` begins ``stop``."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
