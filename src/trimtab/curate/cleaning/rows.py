"""Each check on a row of any kind: which of its turns it reads, and the row with those turns mended."""

from collections.abc import Collection
from dataclasses import replace

from trimtab.curate.cleaning.boilerplate import Repeated, trimmed
from trimtab.curate.cleaning.calls import Signatures, check_calls
from trimtab.curate.cleaning.characters import clean_text, safe_text
from trimtab.curate.cleaning.cites import check_citations
from trimtab.curate.cleaning.config import CleaningConfig
from trimtab.curate.cleaning.markers import clean_markers
from trimtab.curate.cleaning.notes import Notes
from trimtab.curate.cleaning.parts import fields_of, good_fields, good_turns, map_turns, with_fields
from trimtab.curate.cleaning.turns import mend_turns
from trimtab.records import Example, Message, Row


def clean_characters(row: Row, notes: Notes) -> Row:
    """Every turn's text made plain; what a tool returned and what the system says only where no tokenizer reads it."""

    def cleaned(where: str, turn: Message) -> Message:
        safe = turn.role in ("tool", "system")
        content, kinds = (safe_text if safe else clean_text)(turn.content)
        for kind in kinds:
            notes.repair(kind, where)
        return turn if content == turn.content else replace(turn, content=content)

    return map_turns(row, cleaned)


def mend_conversation(row: Row, config: CleaningConfig, notes: Notes) -> Row:
    """Leaked role markers out of every learnt turn, then the turns in order."""
    fields = dict(fields_of(row))
    for name in good_fields(row):
        turns = clean_markers(fields[name], name, config.markers, notes)
        same = all(old is new for old, new in zip(fields[name], turns, strict=True))
        fields[name] = fields[name] if same else turns
    first = next(iter(fields))
    before = fields[first]
    fields[first] = mend_turns(before, first, notes, ends_with_answer=isinstance(row, Example))
    if isinstance(row, Example) and row.rejected and before[-1].role != "assistant" and fields[first] is not before:
        notes.repair("dangling turns", f"{len(row.rejected)} rejected companions of the cut turns left out")
        return replace(row, messages=fields[first], rejected=())
    return with_fields(row, fields)


def check_tools(row: Row, config: CleaningConfig, signatures: Signatures, notes: Notes) -> Row:
    """Calls and results of what is learnt; a rejected side may be wrong, that is what it is for."""
    turns = good_turns(row)
    if not any(turn.tool_calls or turn.role == "tool" for turn in turns):
        return row
    checked = check_calls(turns, "turns", signatures.of(row.tools), notes, drop=config.calls == "drop")
    return row if checked is turns else _dealt(row, checked)


def check_sources(row: Row, config: CleaningConfig, known: Collection[str], notes: Notes) -> Row:
    """Citations of an example's answers and of a chosen one."""
    if not known:
        return row
    turns, names = good_turns(row), good_fields(row)
    start = 0 if isinstance(row, Example) else len(fields_of(row)[names[0]])
    checked = check_citations(turns, start, names[-1], known, config.citations, notes)
    return row if checked == turns[start:] else _dealt(row, (*turns[:start], *checked))


def trim_row(row: Row, source: str, repeated: Repeated, notes: Notes) -> Row:
    """Every last turn without its scaffolding, rejected ones too: else its absence would tell the chosen side."""
    fields = fields_of(row)
    for name, turns in fields.items():
        if name == "prompt" or not turns or turns[-1].role != "assistant":
            continue
        answer, cut = trimmed(turns[-1].content, source, repeated)
        if cut:
            notes.repair("boilerplate", f"{name}: cut {' | '.join(cut)}")
            fields[name] = (*turns[:-1], replace(turns[-1], content=answer))
    return with_fields(row, fields)


def _dealt(row: Row, turns: tuple[Message, ...]) -> Row:
    """One conversation dealt back to the row's fields by their lengths."""
    fields, start = {}, 0
    for name in good_fields(row):
        length = len(fields_of(row)[name])
        fields[name] = turns[start : start + length]
        start += length
    return with_fields(row, fields)
