"""What keys and values cost at full context: resident memory that grows, against tokens × bytes. `make bench NAME=kv`.

Each engine fills a context of the default model, and then another, in a process of its own: the second adds its keys
and values alone, for all that the engine computes with is there. Read while the cache is held.
"""

import ctypes
import gc
import json
import multiprocessing
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import psutil

from trimtab.engine import Chunk, Engine, Request, Sampling, open_engine
from trimtab.engine.batch import Gather
from trimtab.engine.kv_size import kv_bytes, paged_bytes
from trimtab.engine.precision import PLANS
from trimtab.model import DEFAULT_MODEL, resolve

CASES = (("openvino", "f32"), ("openvino", "bf16"), ("torch", "f32"))
_NEW = 32  # tokens generated after the prompt: the cache is looked at after half of them


@dataclass(frozen=True, slots=True)
class Held:
    """``ratio``: resident growth to what tokens × bytes a token says."""

    engine: str
    tokens: int
    bytes_a_token: int
    expected_mb: float
    grown_mb: float
    ratio: float


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object on standard output instead of the lines.")
@click.option("--tokens", default=8192, show_default=True, help="The context that is filled.")
@click.option("--only", default="", help="One engine: openvino or torch.")
def main(as_json: bool, tokens: int, only: str) -> None:
    """Fill the context on each engine and compare."""
    folder, rows = resolve(DEFAULT_MODEL), []
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name, precision in CASES:
            if only in ("", name):
                rows.append(pool.apply(measure, (name, precision, folder, tokens)))
                if not as_json:
                    _say(rows[-1])
    if as_json:
        print(json.dumps({"kv": [asdict(row) for row in rows]}))


def _say(row: Held) -> None:
    said = f"{row.engine:<14} {row.tokens} × {row.bytes_a_token} B = {row.expected_mb:.0f} MB"
    print(f"{said}; resident memory grew by {row.grown_mb:.0f} MB ({row.ratio:.3f})", flush=True)


def measure(name: str, precision: Any, folder: Path, context: int) -> Held:
    """Fill ``context`` tokens a second time and see how much more memory the process holds."""
    with tempfile.TemporaryDirectory() as workdir:
        if name == "openvino":
            engine = open_engine(name, folder, precision=precision, workdir=Path(workdir))
            size = paged_bytes(folder, PLANS[precision].cache)
        else:
            engine, size = open_engine(name, folder, dtype=precision, prefix_mb=0), kv_bytes(folder, 4)
        try:
            held_at(engine, context - _NEW, seed=1)  # what the engine computes with, as large as it gets
            before = resident()
            grown = held_at(engine, context - _NEW, seed=2) - before
        finally:
            engine.close()
    expected = context * size
    return Held(f"{name} {precision}", context, size, expected / 1e6, grown / 1e6, grown / expected)


def held_at(engine: Engine, length: int, seed: int) -> int:
    """Resident bytes when a request of ``length`` prompt tokens has generated half of what it will."""
    generator = random.Random(seed)
    prompt = tuple(generator.randrange(100, 40_000) for _ in range(length))
    gather, seen, held = Gather(), [0], [0]

    def take(chunk: Chunk) -> None:
        seen[0] += len(chunk.token_ids)
        if not held[0] and seen[0] >= _NEW // 2:
            held[0] = resident()
        gather.take(chunk)

    on_chunk: Callable[[Chunk], None] = take
    engine.submit(Request(prompt, Sampling(max_tokens=_NEW)), on_chunk)
    done = gather.completion("")
    assert done.finish == "length", done.error
    return held[0]


def resident() -> int:
    """Resident bytes of this process, once what is free has been given back."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
