"""What a training command was given: configuration, model and rows, each checked before anything is computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimtab.records import Comparison, Example, Ranked, Unpaired, UserError
from trimtab.train.config import KtoConfig, PreferenceConfig, RewardConfig, RlConfig, SftConfig, TrainConfig

if TYPE_CHECKING:
    from trimtab.curate import Placed
    from trimtab.loop.workspace import Workspace

CONFIGS: Mapping[str, type[TrainConfig]] = {
    "sft": SftConfig,
    "dpo": PreferenceConfig,
    "kto": KtoConfig,
    "reward": RewardConfig,
    "rl": RlConfig,
}
_KINDS: Mapping[type, tuple[str, str, str]] = {
    Example: ("a chat", '{"messages": [...]}', "sft"),
    Comparison: ("a preference pair", '{"prompt", "chosen", "rejected"}', "dpo"),
    Ranked: ("a ranking", '{"prompt", "completions", "scores"}', "dpo"),
    Unpaired: ("a thumb", '{"prompt", "completion", "label": true | false}', "kto"),
}
"""Each kind of row: what to call it, how it is written, which command learns from it."""


@dataclass(frozen=True, slots=True)
class Given:
    """The command line's options, as typed. ``overrides`` are ``field=value``."""

    data: tuple[Path, ...]
    model: str | None = None
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    limit: int | None = None
    reference: Path | None = None
    anchor: str | None = None
    """π0, as ``model`` is given."""
    refresh: tuple[Path, ...] = ()
    probes: tuple[Path, ...] = ()
    rewards: tuple[str, ...] = ()
    dress: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """``model`` is a reference that ``model.resolve`` reads; ``places`` says for each row its file and line."""

    method: str
    model: str
    config: TrainConfig
    rows: tuple[Any, ...]
    places: tuple[tuple[str, int], ...]
    rewards: Mapping[str, float]
    """What the workspace says rollouts are worth; empty outside one."""


def inputs(method: str, given: Given) -> Inputs:
    """Everything read and checked. Raises UserError with file, line and field."""
    workspace = _workspace()
    config = _config(method, given, workspace)
    placed = _limited([row for path in _files(given) for row in read_rows(path, method)], given.limit)
    return Inputs(
        method,
        given.model or _default_model(workspace),
        config,
        tuple(_dressed([row.row for row in placed], workspace) if given.dress else (row.row for row in placed)),
        tuple((row.file, row.line) for row in placed),
        {} if workspace is None else {str(name): weight for name, weight in workspace.config.train.rl_rewards.items()},
    )


def kinds_of(method: str) -> tuple[type, ...]:
    """The kinds of row a method learns from."""
    return {"sft": (Example,), "kto": (Unpaired,), "rl": (Example,)}.get(method, (Comparison, Ranked))


def _workspace() -> "Workspace | None":
    """The workspace around the current folder, or None."""
    from trimtab.loop.workspace import CONFIG_NAME, find_workspace

    here = Path.cwd()
    inside = any((folder / CONFIG_NAME).is_file() for folder in (here, *here.parents))
    return find_workspace(here) if inside else None


def _config(method: str, given: Given, workspace: "Workspace | None") -> TrainConfig:
    from trimtab.loop.yaml_config import load_section

    section = None if workspace is None else getattr(workspace.config.train, method, None)
    base = {} if section is None else section.model_dump(mode="json")
    return load_section(CONFIGS[method], base, given.config, given.overrides)


def _default_model(workspace: "Workspace | None") -> str:
    from trimtab.model.resolve import DEFAULT_MODEL

    return DEFAULT_MODEL if workspace is None else workspace.config.model


def _files(given: Given) -> tuple[Path, ...]:
    if not given.data:
        raise UserError("no data", expected="--data FILE, one or several", fix="`trimtab data import` reads the same")
    return given.data


def read_rows(path: Path, method: str) -> "tuple[Placed, ...]":
    """One file's rows (or a glob's), all of the method's kind. Raises UserError."""
    from trimtab.curate import import_rows

    kinds = kinds_of(method)
    rows = import_rows(path).rows
    for placed in rows:
        if not isinstance(placed.row, kinds):
            name, _, command = _KINDS[type(placed.row)]
            raise UserError(
                f"{name}: `train {spoken(method)}` learns from others",
                file=placed.file,
                line=placed.line,
                expected=" or ".join(_KINDS[kind][1] for kind in kinds),
                fix=f"`trimtab train {command}` does",
            )
    return rows


def spoken(method: str) -> str:
    """A method as the command line calls it."""
    return "rm" if method == "reward" else method


def _dressed(rows: Sequence[Any], workspace: "Workspace | None") -> list[Any]:
    """The rows under the workspace's system prompt and tools, as `run` teaches and `serve` asks. Raises UserError."""
    from trimtab.loop.rows import dress_of

    if workspace is None:
        raise UserError("no workspace here to dress the rows with", field="dress", fix="Leave out --dress")
    dress = dress_of(workspace)
    kinds: dict[type, Callable[[Any], Any]] = {Example: dress.example, Comparison: dress.pair, Unpaired: dress.thumb}
    if undressed := next((row for row in rows if type(row) not in kinds), None):
        raise UserError(f"{_KINDS[type(undressed)][0]} cannot be dressed", field="dress", fix="Leave out --dress")
    return [kinds[type(row)](row) for row in rows]


def _limited(rows: "Sequence[Placed]", limit: int | None) -> "Sequence[Placed]":
    """At most ``limit`` rows by their digest: a larger limit keeps every row of a smaller one."""
    if limit is None or len(rows) <= limit:
        return rows
    chosen = sorted(range(len(rows)), key=lambda i: (rows[i].key, i))[:limit]
    return [rows[i] for i in sorted(chosen)]
