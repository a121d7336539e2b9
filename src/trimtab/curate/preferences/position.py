"""Position bias: how often the answer that was shown first won, where a row's provenance says which one that was."""

from collections.abc import Sequence
from typing import Any

from trimtab.curate.place import Placed
from trimtab.curate.preferences.pairs import annotators_of, pair_of, spelled
from trimtab.records import Comparison
from trimtab.stats import Interval, mean_interval

SHOWN = "shown"
"""``provenance.shown``: ``["chosen", "rejected"]`` or the reverse, in the order in which the annotator saw them."""


def position_bias(pairs: Sequence[Placed]) -> dict[str, Any]:
    """``first_wins`` with its interval clustered by prompt, over all and by annotator; empty where no row says.

    ``alarm``: the interval excludes one half, so that verdicts depend on the order in which answers were shown.
    """
    told = [(pair, won) for placed in pairs if (won := _first_won(pair := pair_of(placed))) is not None]
    if not told:
        return {}
    found = _share(told)
    names = sorted({name for pair, _ in told for name in annotators_of(pair)})
    by_name = {
        name: _json(_share([(pair, won) for pair, won in told if name in annotators_of(pair)])) for name in names
    }
    return {
        "first_wins": _json(found),
        "alarm": not found.low <= 0.5 <= found.high,
        **({"annotators": by_name} if by_name else {}),
    }


def _first_won(pair: Comparison) -> bool | None:
    shown = pair.provenance.get(SHOWN)
    if not isinstance(shown, list | tuple) or sorted(map(str, shown)) != ["chosen", "rejected"]:
        return None
    return bool(shown[0] == "chosen")


def _share(told: Sequence[tuple[Comparison, bool]]) -> Interval:
    return mean_interval(
        [float(won) for _, won in told], [spelled(pair.prompt) for pair, _ in told], lower=0.0, upper=1.0
    )


def _json(found: Interval) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}
