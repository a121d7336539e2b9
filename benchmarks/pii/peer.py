"""Presidio's side: its default recognisers for English, telephone regions included, with no downloaded model.

Runs in the peer's environment, where Trimtab is not.
"""

import json
import sys
import time
from pathlib import Path

from presidio_analyzer import AnalyzerEngine  # type: ignore[import-not-found]
from presidio_analyzer.nlp_engine import NoOpNlpEngine  # type: ignore[import-not-found]

from benchmarks.channel import Channel, peak_megabytes


def main() -> None:
    """One pass to find and to warm up, then one for each step that is asked for. Scores are kept: no threshold here."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    channel = Channel()
    engine = AnalyzerEngine(
        nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]), supported_languages=["en"]
    )
    found = [
        [(one.start, one.end, one.entity_type, one.score) for one in engine.analyze(text, "en", score_threshold=0)]
        for text in job["texts"]
    ]
    channel.say(found=found, recognisers=sorted(one.name for one in engine.registry.recognizers))
    for _ in range(job["steps"]):
        channel.wait()
        began, busy = time.perf_counter(), time.process_time()
        for text in job["texts"]:
            engine.analyze(text, "en", score_threshold=job["threshold"])
        channel.say(seconds=time.perf_counter() - began, cpu_seconds=time.process_time() - busy)
    channel.say(peak_mb=peak_megabytes())


if __name__ == "__main__":
    main()
