"""lm-eval tasks: the command that runs one against our API, and its results and samples read back."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trimtab.evaluate.harness.job import Job
from trimtab.evaluate.harness.result import Reported, Result
from trimtab.records import UserError

MODULE = "lm_eval"
EXTRA = "lm-eval"


def command(job: Job, folder: Path) -> list[str]:
    """Arguments after the interpreter's name; results and samples are written below ``folder``.

    ``TASK`` may be a folder's file (``tasks/mine.yaml``): its folder is then searched for tasks, and its stem is run.
    """
    path = Path(job.task)
    own = ["--include_path", str(path.resolve().parent)] if path.suffix in (".yaml", ".yml") else []
    limit = [] if job.limit is None else ["--limit", str(job.limit)]
    model = {
        "model": job.model,
        "base_url": f"{job.url}/v1/chat/completions",
        "num_concurrent": job.connections,
        "max_retries": 3,
        "timeout": job.timeout_seconds,
        "tokenizer_backend": "None",
    }
    given = ["--metadata", *(f"{name}={value}" for name, value in job.arguments.items())] if job.arguments else []
    return [
        *("-m", "lm_eval", "run", "--model", "local-chat-completions", "--apply_chat_template", "--log_samples"),
        *("--model_args", *(f"{name}={value}" for name, value in model.items())),
        *("--tasks", path.stem if own else job.task, *own, "--output_path", str(folder)),
        *limit,
        *given,
    ]


def environment(job: Job) -> dict[str, str]:
    """The key that the model class reads."""
    return {"OPENAI_API_KEY": job.key or "none"}


def read(folder: Path, job: Job) -> Result:
    """What one run wrote below ``folder``. Raises UserError where there are no results."""
    found = sorted(folder.rglob("results_*.json"))
    if not found:
        raise UserError("lm-eval wrote no results", file=folder)
    rows = [
        (file.stem.removeprefix("samples_").rsplit("_", 1)[0], json.loads(line))
        for file in sorted(folder.rglob("samples_*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]
    return result_of(json.loads(found[-1].read_text("utf-8")), rows, job)


def result_of(results: Mapping[str, Any], rows: Sequence[tuple[str, Mapping[str, Any]]], job: Job) -> Result:
    """The results file and the samples (task, row). Of several tasks or filters each has its name in the metric's."""
    several = len({task for task, _ in rows}) > 1
    filters = {str(row.get("filter", "none")) for _, row in rows}
    scores: dict[str, dict[str, float]] = {}
    answers, content = {}, {}
    for task, row in rows:
        case_id = f"{task}/{row['doc_id']}" if several else str(row["doc_id"])
        content[case_id] = [row.get("doc_hash"), row.get("prompt_hash"), row.get("target_hash")]
        answers[case_id] = {"answer": _first(row.get("resps")), "expected": row.get("target")}
        for metric in row.get("metrics") or ():
            if isinstance(value := row.get(metric), int | float):
                name = _name(task, metric, str(row.get("filter", "none")), several, len(filters) > 1)
                scores.setdefault(name, {})[case_id] = float(value)
    return Result(
        suite=f"lm-eval:{job.name}",
        scores=scores,
        reported=_reported(results, several, len(filters) > 1),
        content=[sorted((results.get("versions") or {}).items()), sorted(content.items())],
        lower=_lower(results, scores),
        answers=answers,
    )


def _name(task: str, metric: str, chosen: str, several: bool, filtered: bool) -> str:
    return (f"{task}/" if several else "") + metric + (f"_{chosen}" if filtered else "")


def _reported(results: Mapping[str, Any], several: bool, filtered: bool) -> dict[str, Reported]:
    found = {}
    for task, values in results.get("results", {}).items():
        n = int((results.get("n-samples") or {}).get(task, {}).get("effective", 0))
        for key, value in values.items():
            metric, _, chosen = key.partition(",")
            if chosen and not metric.endswith("_stderr") and isinstance(value, int | float):
                error = values.get(f"{metric}_stderr,{chosen}")
                error = float(error) if isinstance(error, int | float) else 0.0
                found[_name(task, metric, chosen, several, filtered)] = Reported(float(value), error, n)
    return found


def _lower(results: Mapping[str, Any], names: Mapping[str, Any]) -> frozenset[str]:
    ways = [(metric, up) for of in (results.get("higher_is_better") or {}).values() for metric, up in of.items()]
    less = {metric for metric, up in ways if up is False}
    return frozenset(name for name in names if any(name.rpartition("/")[2].startswith(metric) for metric in less))


def _first(resps: Any) -> str:
    while isinstance(resps, list) and resps:
        resps = resps[0]
    return resps if isinstance(resps, str) else ""
