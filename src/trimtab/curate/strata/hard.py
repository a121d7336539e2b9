"""Salting: hard rows with checked answers make up a set share of the examples, and every other hard row is named."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from trimtab.curate.config import MixConfig
from trimtab.curate.hashing import uniform
from trimtab.curate.mix import drawing_key, mix_stage
from trimtab.curate.place import Drop, Placed, dropped
from trimtab.curate.stage import Staged
from trimtab.curate.strata.config import HardConfig
from trimtab.curate.strata.evidence import evidence_of, is_edit
from trimtab.records import Example, UserError


def salted_mix_stage(rows: Sequence[Placed], mix: MixConfig | None, hard: HardConfig | None, seed: int) -> Staged:
    """The mix, of ordinary rows where hard ones are salted; then the salt. The total counts both.

    Raises UserError where the mix has targets for difficulty as well: the two would contradict each other.
    """
    if hard is None:
        return mix_stage(rows, mix, seed)
    if mix is not None and "difficulty" in {*mix.by, *mix.margins}:
        raise UserError(
            "both the mix and the salt set how many hard rows there are",
            field="data.hard.share",
            fix="Take difficulty out of data.mix, or leave data.hard out",
        )
    salt = [placed for placed in rows if isinstance(placed.row, Example) and is_hard(placed.row, hard)]
    apart = {id(placed) for placed in salt}
    ordinary = [placed for placed in rows if id(placed) not in apart]
    mixed = mix_stage(ordinary, _without_salt(mix, hard.share), seed)
    learnt = sum(isinstance(placed.row, Example) for placed in mixed.rows)
    taken, drops, findings = _salt(salt, learnt, hard, seed)
    together = _shuffled([*mixed.rows, *taken], seed)
    return Staged(together, [*mixed.drops, *drops], findings={**mixed.findings, "salt": findings})


def is_hard(row: Example, config: HardConfig) -> bool:
    """Whether any origin in ``config.by`` says so."""
    said = row.provenance.get("difficulty")
    measured = said if isinstance(said, dict) else {}
    came_with = measured.get("label_before") if measured else row.labels.get("difficulty")
    hard = {
        "measured": bool(measured) and row.labels.get("difficulty") == "hard",
        "labelled": came_with == "hard",
        "edited": is_edit(row),
    }
    return any(hard[origin] for origin in config.by)


def _without_salt(mix: MixConfig | None, share: float) -> MixConfig | None:
    if mix is None or mix.total is None:
        return mix
    return mix.model_copy(update={"total": max(1, round(mix.total * (1 - share)))})


def _salt(
    salt: Sequence[Placed], ordinary: int, config: HardConfig, seed: int
) -> tuple[list[Placed], list[Drop], dict[str, Any]]:
    """What is taken beside so many ordinary rows, what is not and why, and the numbers for the report."""
    good: list[Placed] = []
    drops: list[Drop] = []
    evidence: Counter[str] = Counter()
    for placed in salt:
        assert isinstance(placed.row, Example)
        found = evidence_of(placed.row, config.min_quality)
        evidence[found or "none"] += 1
        if found or config.unchecked:
            good.append(placed)
        else:
            drops.append(dropped(placed, "hard, unchecked", "nothing in the row checks its answer, and no person did"))
    wanted = round(config.share / (1 - config.share) * ordinary)
    good.sort(key=lambda placed: drawing_key(placed, seed, "salt"), reverse=True)
    taken = good[:wanted]
    drops += [dropped(placed, "salt", f"the hard share of {config.share:g} is full") for placed in good[wanted:]]
    companions = sum(len(placed.row.rejected) for placed in taken if isinstance(placed.row, Example))
    findings: dict[str, Any] = {
        "share": config.share,
        "share_taken": len(taken) / (len(taken) + ordinary) if taken else 0.0,
        "wanted": wanted,
        "had": len(salt),
        "checked": dict(sorted(evidence.items())),
        "taken": len(taken),
        "short": wanted - len(taken),
        "companions": companions,
    }
    if wanted > len(taken):
        findings["advice"] = f"add {wanted - len(taken)} hard rows with checked answers, or lower data.hard.share"
    return taken, drops, findings


def _shuffled(rows: Sequence[Placed], seed: int) -> list[Placed]:
    """Examples in the mix's order, hard ones among the others; pairs and thumbs after them as they came."""
    order: Callable[[Placed], float] = lambda placed: uniform("order", seed, placed.key)  # noqa: E731
    examples = sorted((placed for placed in rows if isinstance(placed.row, Example)), key=order)
    return [*examples, *(placed for placed in rows if not isinstance(placed.row, Example))]
