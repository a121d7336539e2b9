"""A model that is really overtrained: the default model taught the development part's answers by heart."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gates.questions import CLEAN
from benchmarks.gates.releases import card_of
from benchmarks.lockstep import ROOT
from trimtab.engine import Chat, Sampling, open_engine
from trimtab.evaluate import make_suite, score_suite, transcribe
from trimtab.model import DEFAULT_MODEL, Dialect, resolve
from trimtab.records import Case, Expected, Message
from trimtab.release import GateConfig, gate
from trimtab.tools import Assistant, Limits

DATA = ROOT.parent / "shared" / "data" / "svamp" / "original.jsonl"
_METRIC = "sums_accuracy"
_EPOCHS = 12


def scores(folder: Path, part: int) -> dict[str, Any]:
    """Scores by case of both models on both parts. The parts: development, sealed, and a third that neither shares."""
    rows = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
    cases = [_case(row) for row in rows[: 3 * part]]
    development, sealed, apart = cases[:part], cases[part : 2 * part], cases[2 * part :]
    found = {}
    for name, taught in (("overtrained", development), ("clean", apart)):
        model = _taught(folder / name, taught)
        found[name] = {"development": _answered(model, development), "sealed": _answered(model, sealed)}
    return found


def flagged(found: dict[str, list[float]], times: int, *, shuffled: bool) -> float:
    """Share of ``times`` redraws that the gate flags. ``shuffled``: both parts' cases are dealt anew, so that there is
    nothing to find; otherwise each part's cases are redrawn."""
    config = GateConfig(overfitting={_METRIC: 0.0})
    seen, kept = np.array(found["development"]), np.array(found["sealed"])
    count = 0
    for seed in range(times):
        rng = np.random.default_rng([8, seed])
        if shuffled:
            both = rng.permutation(np.concatenate([seen, kept]))
            a, b = both[: len(seen)], both[len(seen) :]
        else:
            a, b = rng.choice(seen, len(seen)), rng.choice(kept, len(kept))
        cards = [
            card_of({_METRIC: {f"{i:04}": float(x) for i, x in enumerate(part)}}, suite=name)
            for part, name in ((a, "development"), (b, "sealed"))
        ]
        verdict = gate(cards[1], cards[1], None, config, CLEAN, development=cards[0])
        count += verdict.verdict == "blocked"
    return count / times


def _case(row: dict[str, Any]) -> Case:
    asked = Message("user", f"{row['Body'].strip()} {row['Question'].strip()}")
    check = {"kind": "number", "value": f"{row['Answer']:g}"}
    return Case((asked,), Expected("answer", check=check), labels={"battery": "sums"})


def _taught(folder: Path, cases: list[Case]) -> Path:
    folder.mkdir(parents=True)
    rows = [
        {
            "messages": [
                {"role": "user", "content": case.messages[0].content},
                {"role": "assistant", "content": f"The answer is {case.expected.check['value']}."},
            ]
        }
        for case in cases
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    command = ["train", "sft", str(folder / "rows.jsonl"), "--model", DEFAULT_MODEL, "--out", str(folder / "model")]
    settings = ["--set", f"epochs={_EPOCHS}", "--set", "learning_rate=3e-4", "--set", "rows_per_step=16", "--quiet"]
    subprocess.run([sys.executable, "-c", "from trimtab.cli import main; main()", *command, *settings], check=True)
    return folder / "model"


def _answered(model: Path, cases: list[Case]) -> list[float]:
    engine = open_engine("torch", Path(resolve(str(model))), dtype="float32")
    try:
        chat = Chat(engine, Dialect.of(model))
        assistant = Assistant(chat.reply, sampling=Sampling(max_tokens=24), limits=Limits(seconds=600.0))
        suite = make_suite(cases)
        transcripts = asyncio.run(transcribe(assistant, suite.cases, 16, now=0.0))
        card = score_suite(suite, transcripts, release="r", vocab_size=50_000)
    finally:
        engine.close()
    return list(card.cases[_METRIC].values())
