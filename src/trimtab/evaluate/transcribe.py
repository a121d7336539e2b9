"""Answer every case through the bounded plan, a few at a time; what is known is not asked again."""

import asyncio
import logging
from collections.abc import Sequence

from trimtab.evaluate.asking import ask_case
from trimtab.evaluate.transcript import Transcript, transcript_from_json
from trimtab.records import Case, Progress, Silent
from trimtab.store import Store
from trimtab.tools import Assistant

KIND = "transcript"
_log = logging.getLogger(__name__)


async def transcribe(
    assistant: Assistant,
    cases: Sequence[Case],
    concurrency: int = 8,
    progress: Progress | None = None,
    *,
    now: float,
    store: Store | None = None,
    behaviour: str = "",
) -> dict[str, Transcript]:
    """Case id -> transcript, in the order of ``cases``.

    With ``store`` and ``behaviour`` (the digest of what shapes the assistant and of how it decodes) each transcript is
    kept as soon as it is there, so that a killed evaluation goes on where it was. ``now`` is the time that tools see.
    One failing case is an outcome, not a crash; where every case fails, the first one's error is raised.
    """
    progress = progress or Silent()
    progress.start("evaluate", len(cases))
    gate = asyncio.Semaphore(concurrency)

    async def one(case: Case) -> Transcript:
        key = f"{behaviour}:{case.id}"
        if store is not None and behaviour and (row := store.get(KIND, key)) is not None:
            transcript = transcript_from_json(row)
        else:
            async with gate:
                transcript = await _answer(assistant, case, now)
            if store is not None and behaviour and transcript.lasting:
                store.put(KIND, key, transcript.to_json())
        progress.advance()
        return transcript

    done = await asyncio.gather(*(one(case) for case in cases))
    if done and all(transcript.outcome is None for transcript in done):
        raise RuntimeError(f"no case could be answered: {done[0].error}")
    return {case.id: transcript for case, transcript in zip(cases, done, strict=True)}


async def _answer(assistant: Assistant, case: Case, now: float) -> Transcript:
    try:
        return await ask_case(assistant, case, now)
    except Exception as error:  # the named boundary: one failing case is a recorded outcome
        _log.warning("case %s failed: %s", case.id[:12], error)
        return Transcript(None, f"{type(error).__name__}: {error}")
