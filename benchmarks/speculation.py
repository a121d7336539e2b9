"""Guessing ahead, measured: look-up and a draft model against plain decoding, on copying prompts and on chats."""

import argparse
import gzip
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.lockstep import ROOT
from benchmarks.machine import describe
from trimtab.engine import Engine, Request, Sampling, Speculation, open_engine
from trimtab.engine.trial import decide
from trimtab.engine.trial import measure as trials_of
from trimtab.model import DEFAULT_MODEL, Dialect, resolve
from trimtab.records import Message

DATA = ROOT.parent / "shared" / "data"
_QUOTE = (
    "Answer with the sentence of the passage that answers the question, word for word.\n\nPassage: {}\n\nQuestion: {}"
)


def copying(dialect: Dialect, count: int, tokens: int) -> list[Request]:
    """Questions with a passage to quote from: what retrieval asks of a model."""
    passages = {row["id"]: row["text"] for row in _rows(DATA / "wiki_rag" / "corpus.jsonl.gz", 1 << 30)}
    asked = _rows(DATA / "wiki_rag" / "queries.jsonl.gz", count)
    texts = [_QUOTE.format(passages[row["relevant"][0]][:1200], row["query"]) for row in asked]
    return [_request(dialect, text, tokens) for text in texts]


def chats(dialect: Dialect, count: int, tokens: int) -> list[Request]:
    """Open questions, whose answers repeat little of them."""
    rows = _rows(DATA / "mt_bench" / "vicuna_bench.jsonl", count)
    return [_request(dialect, row["turns"][0], tokens) for row in rows]


def measure(
    engine: str = "openvino",
    precision: str = "f32",
    ways: Sequence[str] = ("lookup", "draft"),
    count: int = 8,
    tokens: int = 64,
    concurrencies: Sequence[int] = (1, 8),
    model: str = DEFAULT_MODEL,
    workdir: Path | None = None,
) -> dict[str, Any]:
    """Both workloads on one engine: the trials of each (``engine.trial.Trial``), and the way that ``auto`` takes."""
    folder = Path(resolve(model))
    dialect = Dialect.of(folder)
    with ExitStack() as stack:

        def opened(way: str | None) -> Engine:
            options: dict[str, Any] = {"speculation": Speculation(way) if way else None}  # type: ignore[arg-type]
            if engine == "openvino":
                options |= {"precision": precision, "workdir": workdir}
            else:
                options["dtype"] = {"bf16": "bfloat16", "f32": "float32"}[precision]
            found = open_engine(engine, folder, **options)
            stack.callback(found.close)
            return found

        plain, fast = opened(None), {way: opened(way) for way in ways}
        found = {}
        for name, make in (("copying", copying), ("chats", chats)):
            trials = trials_of(plain, fast, make(dialect, count, tokens), concurrencies)
            found[name] = {"chosen": decide(trials), "trials": [trial.to_json() for trial in trials]}
    versions = ("openvino-genai", "torch") if engine == "openvino" else ("torch", "transformers")
    load = [round(value, 2) for value in os.getloadavg()]
    return {"engine": engine, "precision": precision, "model": model, **found, "load": load} | {
        "machine": describe(*versions)
    }


def _request(dialect: Dialect, text: str, tokens: int) -> Request:
    ids = dialect.encode([Message("user", text)], reply=True)
    return Request(tuple(ids), Sampling(max_tokens=tokens, stop_ids=tuple(dialect.stop_ids)))


def _rows(path: Path, count: int) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [json.loads(line) for line in text.splitlines()[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("openvino", "torch"), default="openvino")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--ways", default="lookup,draft")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--workdir", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    asked = parser.parse_args()
    ways = [way for way in asked.ways.split(",") if asked.engine == "openvino" or way != "draft"]
    found = measure(asked.engine, asked.precision, ways, asked.count, asked.tokens, workdir=asked.workdir)
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    for workload in ("copying", "chats"):
        for trial in found[workload]["trials"]:
            print(
                f"{workload:<8} {trial['way']:<7} c={trial['concurrency']} x{trial['speedup']:.2f}"
                f" accepted {trial['acceptance']:.0%} forwards/token {trial['forwards_a_token']:.2f}"
                f" rows/token {trial['work_a_token']:.2f} cpu {trial['cpu'] / trial['plain_cpu']:.2f}"
                f" identical {trial['identical']}/{trial['requests']} (plain with itself {trial['steady']})"
            )


if __name__ == "__main__":
    main()
