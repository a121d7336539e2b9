"""Inspect tasks: the command that runs one against our API, and its JSON log read back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trimtab.evaluate.harness.job import Job
from trimtab.evaluate.harness.result import Reported, Result
from trimtab.records import UserError

MODULE = "inspect_ai"
EXTRA = "inspect"
_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""What Inspect's letters count: correct, partly, incorrect, no answer (``value_to_float`` in its scorer module)."""


def command(job: Job, folder: Path) -> list[str]:
    """Arguments after the interpreter's name; the log is written below ``folder``."""
    limit = [] if job.limit is None else ["--limit", str(job.limit)]
    given = [part for name, value in job.arguments.items() for part in ("-T", f"{name}={value}")]
    return [
        *("-m", "inspect_ai", "eval", job.task, "--model", f"openai-api/trimtab/{job.model}"),
        *("--log-dir", str(folder), "--log-format", "json", "--display", "plain", "--no-log-realtime"),
        *("--max-connections", str(job.connections), "--max-samples", str(job.connections), "--no-fail-on-error"),
        *("--max-retries", "3", "--timeout", str(job.timeout_seconds)),
        *limit,
        *given,
    ]


def environment(job: Job) -> dict[str, str]:
    """Where the provider finds our API."""
    return {"TRIMTAB_BASE_URL": f"{job.url}/v1", "TRIMTAB_API_KEY": job.key or "none"}


def read(folder: Path, job: Job) -> Result:
    """The one log below ``folder``. Raises UserError where the run failed or there is no log."""
    logs = sorted(folder.glob("*.json"))
    if len(logs) != 1:
        raise UserError(f"Inspect wrote {len(logs)} logs where one task was run", file=folder, expected="one task")
    log = json.loads(logs[0].read_text("utf-8"))
    if log.get("status") != "success":
        said = (log.get("error") or {}).get("message", "no reason given")
        raise UserError(f"Inspect ended with {log.get('status')!r}: {said}", file=logs[0])
    return result_of(log, job)


def result_of(log: Mapping[str, Any], job: Job) -> Result:
    """A log (version 2 of its JSON form) as a result: one metric a scorer, or a key of a scorer's several values."""
    scores: dict[str, dict[str, float]] = {}
    clusters, answers, content = {}, {}, {}
    failed = 0
    for sample in log.get("samples") or ():
        case_id = f"{sample['id']}" if sample.get("epoch", 1) == 1 else f"{sample['id']}#{sample['epoch']}"
        content[str(sample["id"])] = [sample["input"], sample["target"]]
        if sample.get("error") or not sample.get("scores"):
            failed += 1
            continue
        clusters[case_id] = str(sample["id"])
        answers[case_id] = {"answer": _answer(sample), "expected": sample["target"]}
        for scorer, score in sample["scores"].items():
            for name, value in _values(scorer, score.get("value")):
                scores.setdefault(name, {})[case_id] = value
    return Result(
        suite=f"inspect:{job.name}",
        scores=scores,
        reported=_reported(log),
        content=[log["eval"]["task"], log["eval"].get("task_args") or {}, sorted(content.items())],
        clusters=clusters,
        unscored=failed,
        answers=answers,
    )


def _values(scorer: str, value: Any) -> list[tuple[str, float]]:
    """(metric, number) of a score; what is no number has none."""
    if isinstance(value, Mapping):
        return [(f"{scorer}_{key}", number) for key, one in value.items() if (number := _number(one)) is not None]
    number = _number(value)
    return [] if number is None else [(scorer, number)]


def _number(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    return _LETTERS.get(value) if isinstance(value, str) else None


def _reported(log: Mapping[str, Any]) -> dict[str, Reported]:
    """Metrics that are no mean over samples stand under ``scorer_metric``."""
    found = {}
    for score in (log.get("results") or {}).get("scores", ()):
        metrics = score["metrics"]
        error = metrics.get("stderr", {}).get("value", 0.0)
        for name, metric in metrics.items():
            if name != "stderr":
                key = score["name"] if name in ("accuracy", "mean") else f"{score['name']}_{name}"
                found[key] = Reported(float(metric["value"]), float(error), int(score.get("scored_samples") or 0))
    return found


def _answer(sample: Mapping[str, Any]) -> str:
    choices = (sample.get("output") or {}).get("choices") or ()
    content = choices[0]["message"]["content"] if choices else ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content)
