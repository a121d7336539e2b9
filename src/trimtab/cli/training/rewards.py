"""``--reward route=1,format=0.2,model:FOLDER=1`` as one weighted reward."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trimtab.records import UserError

if TYPE_CHECKING:
    from trimtab.train.rl.rewards import Reward

NAMES = ("route", "result", "calculator", "format", "grounded", "spans")
"""``calculator`` is another word for ``result``: the expression that is computed."""
_MODEL = "model:"
_DEFAULT = {"route": 1.0, "format": 0.2}


def parse_rewards(options: Sequence[str], default: Mapping[str, float] | None = None) -> dict[str, float]:
    """Name to weight; the default's where no option is given. Raises UserError."""
    terms: dict[str, float] = {}
    for term in (term.strip() for option in options for term in option.split(",")):
        name, equals, text = term.rpartition("=")
        if not equals:
            name, text = term, "1"
        if name not in NAMES and not (name.startswith(_MODEL) and len(name) > len(_MODEL)):
            known = ", ".join((*NAMES, "model:FOLDER"))
            raise UserError(f"unknown reward {name!r}", field="reward", expected=f"NAME=WEIGHT, of {known}")
        terms[name] = terms.get(name, 0.0) + _weight(text, term)
    return terms or dict(default or _DEFAULT)


def rewards(terms: Mapping[str, float], folder: Path) -> "Reward":
    """The weighted sum, for the dialect of the model in ``folder``. Raises UserError."""
    from trimtab.train.rl.rewards import weighted

    return weighted({_label(name): (weight, _reward(name, folder)) for name, weight in terms.items()})


def _reward(name: str, folder: Path) -> "Reward":
    from trimtab.model import Dialect
    from trimtab.train import RewardModel
    from trimtab.train.rl import rewards as known

    if name.startswith(_MODEL):
        return known.ModelReward(RewardModel(Path(name.removeprefix(_MODEL))))
    if name == "model":
        raise UserError(
            "the workspace rewards a reward model's word", field="train.rl_rewards.model", fix="--reward model:FOLDER=1"
        )
    made: dict[str, Callable[[], Reward]] = {
        "route": known.RightRoute,
        "result": known.RightResult,
        "calculator": known.RightResult,
        "format": known.RightFormat,
        "grounded": known.GroundedCitation,
        "spans": lambda: known.UngroundedSpans(Dialect.of(folder)),
    }
    return made[name]()


def _label(name: str) -> str:
    """The name in the log: a path has no place there."""
    return "model" if name.startswith(_MODEL) else name


def _weight(text: str, term: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise UserError(f"{term!r} has no weight", field="reward", expected="NAME=NUMBER")
    return weight
