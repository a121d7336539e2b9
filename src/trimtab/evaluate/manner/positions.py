"""How far a release's next-token distributions lie from the base model's: on its own answers, and on fixed ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trimtab.evaluate.manner.divergence import Pair, turn_pairs
from trimtab.evaluate.transcript import Transcript
from trimtab.model import Dialect
from trimtab.records import Case, ToolSchema

Divergence = Callable[[Path, Path, Sequence[Pair]], list[list[tuple[float, float]]]]
"""(KL(release ‖ base), the release's entropy) in nats at each completion token."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Transcripts with what stood before their first turn."""

    transcripts: Mapping[str, Transcript]
    system: str = ""
    tools: Sequence[ToolSchema] = ()


def positions(
    release: Path,
    base: Path,
    cases: Sequence[Case],
    own: Asked | None,
    fixed: Asked | None,
    divergence: Divergence | None = None,
) -> dict[str, dict[str, float]]:
    """Metric -> case id -> mean a token, in nats, over full vocabularies.

    ``kl_to_base``: KL(release ‖ base) on the release's ``own`` turns, as ``kl_to_base`` gives. ``kl_fixed``: the same
    on ``fixed`` turns, which are the same for every release (the base model's answers), so that it compares between
    releases whatever each says. ``entropy``: the release's own on the fixed turns: it falls where a mode collapses.
    What is not given, and cases whose transcript is missing, are left out.
    """
    pairs: list[Pair] = []
    owners: list[tuple[bool, str]] = []
    dialect = Dialect.of(release)
    for is_fixed, asked in ((False, own), (True, fixed)):
        for case in cases if asked is not None else ():
            assert asked is not None
            if case.id in asked.transcripts:
                found = turn_pairs(case, asked.transcripts[case.id], dialect, asked.system, asked.tools)
                pairs += found
                owners += [(is_fixed, case.id)] * len(found)
    values = (divergence or _full)(release, base, pairs) if pairs else []
    gathered: dict[str, dict[str, list[float]]] = {}
    for (is_fixed, case_id), row in zip(owners, values, strict=True):
        for name, column in (("kl_fixed", 0), ("entropy", 1)) if is_fixed else (("kl_to_base", 0),):
            gathered.setdefault(name, {}).setdefault(case_id, []).extend(one[column] for one in row)
    return {
        name: {case_id: sum(row) / len(row) for case_id, row in rows.items() if row} for name, rows in gathered.items()
    }


def _full(release: Path, base: Path, pairs: Sequence[Pair]) -> list[list[tuple[float, float]]]:
    from trimtab.engine.divergence import divergence_per_token  # torch, only when it is needed

    return divergence_per_token(release, base, pairs)
