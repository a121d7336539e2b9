"""The peer: Transformers' ``generate`` in bfloat16 over static batches, as many rows as there are streams."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.streamers import BaseStreamer

from benchmarks.channel import Channel, peak_megabytes
from benchmarks.serve.streams import Stream, line


class _Clock(BaseStreamer):  # type: ignore[misc]  # transformers is untyped
    """Told of each step's tokens; the first call brings the prompts back."""

    def __init__(self, streams: list[Stream]) -> None:
        self._streams, self._prompts = streams, True

    def put(self, value: Any) -> None:
        if self._prompts:
            self._prompts = False
            return
        now = time.perf_counter()
        for stream in self._streams:
            stream.seen.append(now)

    def end(self) -> None:
        return None


def batch(model: Any, tokenizer: Any, prompts: list[dict[str, Any]], new_tokens: int) -> list[Stream]:
    """One static batch: padded on the left, exactly ``new_tokens`` a row."""
    padded = tokenizer.pad({"input_ids": [prompt["ids"] for prompt in prompts]}, return_tensors="pt")
    streams = [Stream(tokens=new_tokens) for _ in prompts]
    options = {"max_new_tokens": new_tokens, "min_new_tokens": new_tokens, "do_sample": False}
    with torch.inference_mode():
        out = model.generate(**padded, **options, streamer=_Clock(streams), pad_token_id=tokenizer.pad_token_id)
    assert out.shape[1] == padded["input_ids"].shape[1] + new_tokens
    return streams


def main() -> None:
    """Reads the job, answers each round's prompts in turn, batch after batch."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rounds = json.loads(Path(job["workload"]).read_text(encoding="utf-8"))
    channel = Channel()
    tokenizer: Any = AutoTokenizer.from_pretrained(job["model"], padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model: Any = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.bfloat16).eval()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    channel.say(ready=True, threads=torch.get_num_threads(), parameters=parameters)
    for each in rounds:
        channel.wait()
        prompts, size = sorted(each["prompts"], key=lambda prompt: len(prompt["ids"])), each["streams"]
        began = time.perf_counter()
        done = [
            stream
            for start in range(0, len(prompts), size)
            for stream in batch(model, tokenizer, prompts[start : start + size], job["new_tokens"])
        ]
        channel.say(**line(done, began, time.perf_counter()))
    channel.say(peak_mb=peak_megabytes())


if __name__ == "__main__":
    main()
