"""What share each stratum shall have: exact names, wildcards, what is left, and marginal targets together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.curate.config import MixConfig
from trimtab.curate.place import Placed
from trimtab.curate.strata.fit import Target, fit
from trimtab.records import UserError

_REST = "the rest"
Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stratified:
    """Rows by stratum, and the shares, which sum to 1.

    A target that no row meets stands in ``shares`` as a stratum of its own, with ``*`` for the other axes.
    """

    axes: tuple[str, ...]
    strata: Mapping[str, list[Placed]]
    values: Mapping[str, Values]
    shares: Mapping[str, float]
    gap: float

    def name(self, placed: Placed) -> str:
        return "/".join(labels_of(placed, self.axes))


def planned(rows: Sequence[Placed], config: MixConfig) -> Stratified:
    """The strata of ``rows`` and their shares under ``config``. Raises UserError where no target has a row."""
    axes = axes_of(config)
    strata: dict[str, list[Placed]] = {}
    values: dict[str, Values] = {}
    for placed in rows:
        labels = labels_of(placed, axes)
        values["/".join(labels)] = labels
        strata.setdefault("/".join(labels), []).append(placed)
    targets = _targets(config, axes, values)
    wanted = [name for name in sorted(strata) if all(target.shares[target.group[name]] > 0 for target in targets)]
    if not wanted:
        raise UserError(
            f"no row is in any stratum of the mix; there are {', '.join(sorted(strata)) or 'no rows'}",
            field="mix.shares",
            expected=f"labels joined as {'/'.join(axes)}",
        )
    fitted = fit({name: len(strata[name]) for name in wanted}, targets)
    absent = max((_absent(target, wanted) for target in targets), key=lambda found: sum(found.values()), default={})
    reach = 1 - sum(absent.values())
    shares = {name: share * reach for name, share in fitted.shares.items()} | absent
    values |= {
        name: tuple(name.split("/")) for name in absent if name not in values and name.count("/") == len(axes) - 1
    }
    return Stratified(axes, strata, values, shares, fitted.gap)


def axes_of(config: MixConfig) -> tuple[str, ...]:
    """The labels that make a stratum: of the shares, and of the margins."""
    by = () if config.margins and not config.shares else config.by
    return tuple(dict.fromkeys((*by, *config.margins)))


def labels_of(placed: Placed, axes: Sequence[str]) -> Values:
    """The values of the axes; the source under the name ``source``, ``none`` where a label is absent."""
    labels = {"source": placed.source, **placed.row.labels}
    return tuple(str(labels.get(name, "none")) for name in axes)


def _targets(config: MixConfig, axes: tuple[str, ...], values: Mapping[str, Values]) -> list[Target[str]]:
    """One target for the shares, where there are any, and one for each axis of the margins."""
    found = [_marginal(shares, axes.index(axis), len(axes), values) for axis, shares in config.margins.items()]
    return [_joint(config, axes, values), *found] if config.shares else found


def _joint(config: MixConfig, axes: tuple[str, ...], values: Mapping[str, Values]) -> Target[str]:
    """``shares`` as a target: each stratum belongs to the pattern that matches it most closely."""
    extra = "/*" * (len(axes) - len(config.by))
    patterns = {pattern + extra: share for pattern, share in config.shares.items()}
    group = {name: _closest(patterns, name, labels, axes) for name, labels in values.items()}
    left = max(0.0, 1 - sum(patterns.values())) if config.rest == "keep" else 0.0
    return Target(group, _with_rest(patterns, left, group))


def _marginal(shares: Mapping[str, float], place: int, axes: int, values: Mapping[str, Values]) -> Target[str]:
    """One axis' shares; values that have none share what is left."""
    named = {_spread(value, place, axes): share for value, share in shares.items()}
    group = {
        name: _spread(labels[place], place, axes) if labels[place] in shares else _REST
        for name, labels in values.items()
    }
    return Target(group, _with_rest(named, max(0.0, 1 - sum(shares.values())), group))


def _with_rest(shares: Mapping[str, float], left: float, group: Mapping[str, str]) -> dict[str, float]:
    """Shares that sum to 1; what is left is scaled away where no stratum is there to take it."""
    whole = {**shares, _REST: left if _REST in group.values() and left > 1e-12 else 0.0}
    return {name: share / sum(whole.values()) for name, share in whole.items()}


def _spread(value: str, place: int, axes: int) -> str:
    return "/".join(value if i == place else "*" for i in range(axes))


def _closest(patterns: Mapping[str, float], name: str, labels: Values, axes: Sequence[str]) -> str:
    """The matching pattern with the fewest wildcards. Raises UserError where two are as close."""
    if name in patterns:
        return name
    fitting = sorted((pattern.split("/").count("*"), pattern) for pattern in patterns if _matches(pattern, labels))
    if len(fitting) > 1 and fitting[0][0] == fitting[1][0]:
        raise UserError(
            f"{name} is in {fitting[0][1]} and in {fitting[1][1]}",
            field="mix.shares",
            expected=f"patterns of {'/'.join(axes)} of which one is the closest",
            fix="Give shares of each axis under mix.margins, which are met together",
        )
    return fitting[0][1] if fitting else _REST


def _matches(pattern: str, labels: Values) -> bool:
    """A wildcard stands for one whole value; values that hold a slash are reached by wildcards or exact names."""
    parts = pattern.split("/")
    if len(parts) != len(labels):
        return False
    return all(part in ("*", label) for part, label in zip(parts, labels, strict=True))


def _absent(target: Target[str], wanted: Sequence[str]) -> dict[str, float]:
    """Shares of groups that no stratum is in."""
    present = {target.group[name] for name in wanted}
    return {name: share for name, share in target.shares.items() if name not in present and share > 0}
