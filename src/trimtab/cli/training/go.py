"""The run itself: what a command was given becomes the arguments of its method's function."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimtab.cli.training.inputs import Given, Inputs, inputs, read_rows
from trimtab.cli.training.report import Places, placed_error
from trimtab.records import Example, Progress, UserError, case_from_json, read_jsonl
from trimtab.train.config import TrainReport

if TYPE_CHECKING:
    from trimtab.train import DriftControl
    from trimtab.train.rl.rollout import Prompt


def go(method: str, given: Given, places: Places, progress: Progress) -> tuple[Inputs, TrainReport]:
    """Reads, checks, trains. Raises UserError that names a row by file and line."""
    import trimtab.train
    from trimtab.model import resolve

    found = inputs(method, given)
    folder = resolve(found.model, progress=progress)
    teach = getattr(trimtab.train, f"train_{method}")
    where: dict[str, Any] = {"work": places.work, "out": places.out, "progress": progress}
    try:
        return found, teach(folder, *_rows(found, given, folder), found.config, **where, **_more(method, given))
    except UserError as error:
        raise placed_error(error, found) from error


def _rows(found: Inputs, given: Given, folder: Path) -> tuple[Any, ...]:
    """What stands between the model and the configuration: rows, or prompts with their reward."""
    if found.method != "rl":
        return (found.rows,)
    from trimtab.cli.training.rewards import parse_rewards, rewards

    return _prompts(found), rewards(parse_rewards(given.rewards, found.rewards), folder)


def _prompts(found: Inputs) -> "list[Prompt]":
    from trimtab.train.rl.rollout import prompt_of

    prompts = []
    for row, (file, line) in zip(found.rows, found.places, strict=True):
        try:
            prompts.append(prompt_of(row))
        except UserError as error:
            raise error.at(file=file or None, line=line or None) from error
    return prompts


def _more(method: str, given: Given) -> dict[str, Any]:
    """The arguments that only some methods have."""
    if method == "reward":
        return {}
    control = {"control": _control(given)}
    return control if method == "sft" else control | {"reference_folder": given.reference}


def _control(given: Given) -> "DriftControl":
    from trimtab.model import resolve
    from trimtab.train import DriftControl, ProbeSet

    cases = [case for path in given.probes for case in read_jsonl(path, case_from_json)]
    return DriftControl(
        resolve(given.anchor) if given.anchor else None,
        _examples(given.refresh),
        ProbeSet(cases) if given.probes else None,
    )


def _examples(files: Sequence[Path]) -> list[Example]:
    return [placed.row for path in files for placed in read_rows(path, "sft") if isinstance(placed.row, Example)]
