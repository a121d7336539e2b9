"""What hiding costs at the door: megabytes a second through the whole stage, and what is found in ordinary texts."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.curate import PrivacyConfig, place_rows, privacy_stage
from trimtab.records import Example, Message
from trimtab.text import ALL_KINDS, pii_spans

_PASSES = 3


def door(texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """By set: megabytes of UTF-8 a CPU second (the best of three passes), and spans in 1,000 words by kind."""
    return {name: _one(said) for name, said in texts.items()}


def _one(texts: Sequence[str]) -> dict[str, Any]:
    rows = place_rows([Example((Message("user", "Go on."), Message("assistant", text))) for text in texts], "set").rows
    seconds = []
    for _ in range(_PASSES):
        began = time.process_time()
        privacy_stage(rows, config=PrivacyConfig())
        seconds.append(time.process_time() - began)
    size, words = sum(len(text.encode()) for text in texts), sum(len(text.split()) for text in texts)
    kinds = Counter(span.kind for text in texts for span in pii_spans(text, ALL_KINDS))
    return {
        "texts": len(texts),
        "megabytes": size / 1e6,
        "words": words,
        "mb_per_second": size / 1e6 / min(seconds),
        "spans": dict(sorted(kinds.items())),
        "per_1000_words": {kind: 1000 * count / words for kind, count in sorted(kinds.items())},
    }
