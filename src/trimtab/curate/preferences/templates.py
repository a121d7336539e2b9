"""Templated pairs: one opening, closing or skeleton on the same side of many prompts' pairs, the slots masked."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Literal

from trimtab.curate.hashing import uniform
from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.preferences.config import TemplatesConfig
from trimtab.curate.preferences.pairs import pair_of, spelled, text_of
from trimtab.text import content_words, words

Side = Literal["chosen", "rejected", "both"]
Kind = Literal["opening", "closing", "skeleton"]
_SLOT = "_"
_LEVEL = 0.05
"""Chance that any form at all is called a template where the two sides show all forms alike (Bonferroni)."""
_LEAST_LITERAL = 3
_LOPSIDED = 4
"""Times as many prompts on its own side as on the other."""


@dataclass(frozen=True, slots=True)
class Template:
    """``prompts`` show the form on ``side``, ``other`` on the other one; ``rows`` are places among the pairs."""

    side: Side
    kind: Kind
    form: str
    prompts: int
    other: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Form:
    side: Side
    kind: Kind
    form: str


def find_templates(pairs: Sequence[Placed], config: TemplatesConfig) -> list[Template]:
    """The templates, those of most prompts first.

    A form of one side counts where at least ``least`` prompts (and ``least_share`` of all) show it, at most a quarter
    as many on the other side, and that is no chance: a sign test over the prompts, at 5 % over all forms tried. A
    skeleton of both sides counts by its prompts alone: no two honest pairs are alike in every word that is no slot.
    """
    prompts = [spelled(pair_of(placed).prompt) for placed in pairs]
    where: dict[_Form, list[int]] = {}
    for at, placed in enumerate(pairs):
        for form in set(_forms(placed, config.words)):
            where.setdefault(form, []).append(at)
    least = max(config.least, math.ceil(config.least_share * len(set(prompts))))
    counted = {form: len({prompts[at] for at in rows}) for form, rows in where.items()}
    frequent = [form for form, count in counted.items() if count >= least]
    found = []
    for form in frequent:
        other = counted.get(_other(form), 0)
        own = other * _LOPSIDED <= counted[form] and _chance(counted[form], other) * len(frequent) < _LEVEL
        if form.side == "both" or own:
            found.append(Template(form.side, form.kind, form.form, counted[form], other, tuple(where[form])))
    return sorted(found, key=lambda one: (-one.prompts, one.side, one.kind, one.form))


def without_templates(
    pairs: Sequence[Placed], templates: Sequence[Template], config: TemplatesConfig
) -> tuple[list[Placed], list[Drop]]:
    """The pairs, less those of a template beyond as many as ``action`` lets stay; which ones, a hash decides."""
    if config.action == "report":
        return list(pairs), []
    keep = config.keep if config.action == "cap" else 0
    gone: dict[int, Template] = {}
    for template in templates:
        order = sorted(template.rows, key=lambda at: uniform("template", pairs[at].key, pairs[at].place))
        staying = [at for at in order if at not in gone]
        gone.update((at, template) for at in staying[keep:])
    drops = [
        dropped(pairs[at], "templated pair", f"{one.side} {one.kind} of {one.prompts} prompts: {one.form[:80]}")
        for at, one in sorted(gone.items())
    ]
    return [placed for at, placed in enumerate(pairs) if at not in gone], drops


def masked(text: str, given: frozenset[str]) -> list[str]:
    """The text's words, numbers and what the prompt names replaced by slots, several slots in a row by one."""
    marked = [_SLOT if _fills_a_slot(word, given) else word for word in words(text)]
    return [word for word, run in groupby(marked) for word in ([_SLOT] if word == _SLOT else run)]


def _fills_a_slot(word: str, given: frozenset[str]) -> bool:
    stems = _stems(word)
    return any(char.isdigit() for char in word) or (bool(stems) and stems <= given)


@lru_cache(maxsize=1 << 16)
def _stems(word: str) -> frozenset[str]:
    return frozenset(content_words(word))


def _forms(placed: Placed, length: int) -> Iterator[_Form]:
    pair = pair_of(placed)
    given = frozenset(content_words(text_of(pair.prompt)))
    whole: dict[Side, str] = {}
    sides: Mapping[Side, str] = {"chosen": text_of(pair.chosen), "rejected": text_of(pair.rejected)}
    for side, text in sides.items():
        parts = masked(text, given)
        whole[side] = " ".join(parts)
        pieces: Mapping[Kind, list[str]] = {"opening": parts[:length], "closing": parts[-length:], "skeleton": parts}
        for kind, piece in pieces.items():
            if len(parts) >= length and _literal(piece) >= _LEAST_LITERAL:
                yield _Form(side, kind, " ".join(piece))
    if min(_literal(form.split()) for form in whole.values()) >= _LEAST_LITERAL:
        yield _Form("both", "skeleton", f"{whole['chosen']} | {whole['rejected']}")


def _literal(parts: Sequence[str]) -> int:
    return sum(part != _SLOT for part in parts)


def _other(form: _Form) -> _Form:
    return _Form("rejected" if form.side == "chosen" else "chosen", form.kind, form.form)


def _chance(count: int, other: int) -> float:
    """P(at least ``count`` of ``count + other`` fair coins): the sign test."""
    total = count + other
    return (
        math.fsum(math.comb(total, k) for k in range(count, total + 1)) / 2**total
        if total < 1000
        else _normal(count, total)
    )


def _normal(count: int, total: int) -> float:
    return 0.5 * math.erfc((count - 0.5 - total / 2) / math.sqrt(total / 2))
