"""The embedded engine driven bare: token ids in, token ids out, nothing between the loop and the engine."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.channel import Channel, peak_megabytes
from benchmarks.serve.streams import Stream, closed_loop
from trimtab.engine import Chunk, Engine, Request, Sampling, open_engine


async def ask(engine: Engine, prompt: dict[str, Any], new_tokens: int) -> Stream:
    """One request; its chunks are timed in the engine's own thread."""
    stream, loop = Stream(), asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def take(chunk: Chunk) -> None:
        if chunk.token_ids:
            stream.arrive()
            stream.tokens += len(chunk.token_ids)
        if chunk.finish is not None:
            loop.call_soon_threadsafe(done.set_result, None)

    sampling = Sampling(max_tokens=new_tokens, stop_ids=tuple(prompt["stop_ids"]))
    engine.submit(Request(tuple(prompt["ids"]), sampling), take)
    await done
    return stream


def main() -> None:
    """Reads the job, answers each round's prompts in turn."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rounds = json.loads(Path(job["workload"]).read_text(encoding="utf-8"))
    channel = Channel()
    engine = open_engine("openvino", Path(job["model"]), precision=job["precision"])
    channel.say(ready=True)
    for each in rounds:
        channel.wait()
        work = closed_loop(each["prompts"], each["streams"], lambda prompt: ask(engine, prompt, job["new_tokens"]))
        channel.say(**asyncio.run(work))
    channel.say(peak_mb=peak_megabytes())
    engine.close()


if __name__ == "__main__":
    main()
