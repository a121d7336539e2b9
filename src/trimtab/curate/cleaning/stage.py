"""The door's first stage: every row read once for what is broken, once more for what is flagged and repeats."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trimtab.curate.cleaning.actions import Contradiction, actions_findings, check_action
from trimtab.curate.cleaning.boilerplate import Repeated, boilerplate, count_repeated
from trimtab.curate.cleaning.calls import Signatures
from trimtab.curate.cleaning.cites import retrieved
from trimtab.curate.cleaning.config import CleaningConfig
from trimtab.curate.cleaning.function_words import FUNCTION_WORDS
from trimtab.curate.cleaning.language import UNKNOWN, Identify, by_langid, by_words
from trimtab.curate.cleaning.licences import consent_of, licence_name, licence_of, licensed
from trimtab.curate.cleaning.notes import FLAGS, Notes
from trimtab.curate.cleaning.parts import good_answer, good_turns
from trimtab.curate.cleaning.quality import quality_flags
from trimtab.curate.cleaning.rows import check_sources, check_tools, clean_characters, mend_conversation, trim_row
from trimtab.curate.cleaning.truncated import truncated
from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.stage import Repair, Staged, repaired
from trimtab.records import Example, Message, Row, ToolSchema

_ENGLISH = ("en", "und-Latn")


def clean_stage(rows: Sequence[Placed], config: CleaningConfig, tools: Sequence[ToolSchema] = ()) -> Staged:
    """Rows whose text, turns, calls, citations, licence and consent hold, each with its language, flags and action.

    ``tools``: the product's own, for rows that bring none. Raises UserError where py3langid is asked for and absent.
    """
    bench = _Bench(config, Signatures(tools), by_langid() if config.identify == "langid" else by_words)
    known = {name for placed in rows for turn in _results(placed.row) for name in retrieved(turn)}
    mended = [bench.mend(placed, known) for placed in rows]
    kept = [placed for placed in mended if placed is not None]
    answers = ((placed.source, answer) for placed in kept if (answer := good_answer(placed.row)))
    repeated = count_repeated(answers, config.boilerplate.share, config.boilerplate.least)
    judged = [placed for one in kept if (placed := bench.judge(one, repeated)) is not None]
    return Staged(judged, bench.drops, bench.repairs, bench.findings(judged, repeated))


def _results(row: Row) -> list[Message]:
    return [turn for turn in good_turns(row) if turn.role == "tool"]


class _Bench:
    """Gathers drops, repairs and counts while rows go by."""

    def __init__(self, config: CleaningConfig, signatures: Signatures, identify: Identify) -> None:
        self.config, self.signatures, self.identify = config, signatures, identify
        self.drops: list[Drop] = []
        self.repairs: list[Repair] = []
        self._contradictions: list[Contradiction] = []
        self._notes: dict[int, Notes] = {}
        self._unchecked = 0

    def mend(self, placed: Placed, known: Collection[str]) -> Placed | None:
        """The row repaired in itself; None where it is dropped."""
        notes = Notes()
        row = self._licensed(placed.row, notes)
        if notes.refused is None:
            row = clean_characters(row, notes)
            row = mend_conversation(row, self.config, notes)
        if notes.refused is None:
            row = check_tools(row, self.config, self.signatures, notes)
            row = check_sources(row, self.config, known, notes)
        return self._next(placed, row, notes)

    def judge(self, placed: Placed, repeated: Repeated) -> Placed | None:
        """The row with its flags, language and action; None where a setting drops it for one of them."""
        notes = self._notes.pop(id(placed))
        row = self._unpadded(placed, repeated, notes)
        answer = good_answer(row)
        language = str(row.labels.get("language") or self.identify(answer or _said(row)))
        if answer:
            for name, value in quality_flags(answer, english=language in _ENGLISH).items():
                notes.flag(name, value)
        if answer and (cut := truncated(answer)):
            notes.flag("truncated", cut)
            if self.config.truncated == "drop":
                notes.refuse("truncated answer", cut)
        if isinstance(row, Example):
            row, contradiction = check_action(row, placed.place, self.config.actions, notes)
            if contradiction is not None:
                self._contradictions.append(contradiction)
        self._filtered(notes.flags, language, notes)
        own = _own_quality(row, notes)
        row = replace(row, labels={**row.labels, **own, "language": language, "quality": notes.flags})
        return self._next(placed, row, notes)

    def findings(self, rows: Sequence[Placed], repeated: Repeated) -> dict[str, Any]:
        flags = Counter(name for placed in rows for name in placed.row.labels["quality"])
        kinds = Counter(kind for placed in rows for kind in placed.row.labels["quality"].get("boilerplate", ()))
        return {
            "rows": len(rows),
            "flags": dict(sorted(flags.items())),
            "calls": {"checked": _calls(rows) - self._unchecked, "unchecked": self._unchecked},
            "boilerplate": {"by_kind": dict(sorted(kinds.items())), "repeated": repeated.to_json()},
            "languages": _counted(rows, lambda row: str(row.labels["language"])),
            "licences": _counted(rows, lambda row: licence_name(licence_of(row.provenance))),
            "consent": _counted(rows, lambda row: consent_of(row.provenance)),
            "actions": actions_findings(rows, self._contradictions),
        }

    def _next(self, placed: Placed, row: Row, notes: Notes) -> Placed | None:
        """On with the row, or out with it: a row that is dropped leaves its reason alone."""
        if notes.refused is not None:
            self.drops.append(dropped(placed, *notes.refused))
            return None
        self.repairs += [repaired(placed, kind, detail) for kind, detail in notes.repairs()]
        after = placed if row is placed.row else replace(placed, row=row)
        self._notes[id(after)] = notes.flagged()
        self._unchecked += notes.unchecked
        return after

    def _licensed(self, row: Row, notes: Notes) -> Row:
        """Refused where the licence or the consent does not allow; else with the licence by its SPDX name."""
        written = licence_of(row.provenance)
        name, consent = licence_name(written), consent_of(row.provenance)
        if not licensed(name, self.config.licences):
            notes.refuse("licence", f"{name} is not allowed")
        if consent == "refused" or (self.config.consent == "required" and consent != "given"):
            notes.refuse("consent", f"consent is {consent}")
        if written is None or (row.provenance.get("license") == name):
            return row
        notes.repair("licence name", f"{written!r} written as {name}")
        rest = {key: value for key, value in row.provenance.items() if key != "licence"}
        return replace(row, provenance={**rest, "license": name})

    def _unpadded(self, placed: Placed, repeated: Repeated, notes: Notes) -> Row:
        answer = good_answer(placed.row)
        found = boilerplate(answer, _asked(placed.row), placed.source, repeated) if answer else []
        if not found:
            return placed.row
        row = placed.row
        if self.config.boilerplate.mode == "trim":
            row = trim_row(row, placed.source, repeated, notes)
            found = boilerplate(good_answer(row), _asked(row), placed.source, repeated)
        if found:
            notes.flag("boilerplate", found)
        return row

    def _filtered(self, flags: Mapping[str, Any], language: str, notes: Notes) -> None:
        config = self.config
        if bad := [name for name in config.drop_quality if name in flags]:
            notes.refuse("quality", ", ".join(f"{name}: {flags[name]}" for name in bad))
        untold = (UNKNOWN, *([f"{UNKNOWN}-Latn"] if set(config.languages) & set(FUNCTION_WORDS) else []))
        if config.languages and language not in (*config.languages, *untold):
            notes.refuse("language", f"{language} is none of {', '.join(config.languages)}")


def _own_quality(row: Row, notes: Notes) -> dict[str, Any]:
    """A ``quality`` label that is somebody else's keeps its value under another name."""
    own = row.labels.get("quality")
    if own is None or (isinstance(own, Mapping) and set(own) <= FLAGS):
        return {}
    notes.repair("quality label", "the row's own is now called quality_given")
    return {"quality_given": own}


def _said(row: Row) -> str:
    """What is said where nothing is answered."""
    return next((turn.content for turn in reversed(good_turns(row)) if turn.role != "tool" and turn.content), "")


def _asked(row: Row) -> str:
    return next((turn.content for turn in reversed(good_turns(row)) if turn.role == "user"), "")


def _calls(rows: Sequence[Placed]) -> int:
    return sum(len(turn.tool_calls) for placed in rows for turn in good_turns(placed.row))


def _counted(rows: Sequence[Placed], name: Callable[[Row], str]) -> dict[str, int]:
    return dict(sorted(Counter(name(placed.row) for placed in rows).items()))
