"""An Inspect task over a file of questions with numbers as answers: greedy, the last number of the answer counts."""

import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import match
from inspect_ai.solver import generate


@task
def word_problems(rows: str, tokens: int = 160) -> Task:
    """``rows``: JSON Lines of ``id``, ``question`` and ``answer``."""
    read = [json.loads(line) for line in Path(rows).read_text("utf-8").splitlines()]
    samples = [Sample(id=row["id"], input=row["question"], target=row["answer"]) for row in read]
    return Task(
        dataset=MemoryDataset(samples),
        solver=generate(),
        scorer=match(location="end", numeric=True),
        config=GenerateConfig(temperature=0.0, max_tokens=tokens),
    )
