"""Answer every case through the bounded plan, a few at a time; what is known is not asked again."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

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
    """Case id -> transcript, in the order of ``cases``; ``concurrency`` plans run at once.

    With ``store`` and ``behaviour`` (the digest of what shapes the assistant and of how it decodes) each transcript is
    kept under behaviour and question as soon as it is there: a killed evaluation goes on where it was, and another
    suite with the same questions finds them answered. ``progress`` counts what is still to be asked, so that the time
    left is that of asking. ``now`` is the time that tools see.
    One failing case is an outcome, not a crash; where every case fails, the first one's error is raised.
    """
    questions = {case.question: case for case in cases}
    known = recall(store, behaviour, questions.values())
    open_ = {question: case for question, case in questions.items() if question not in known}
    progress = progress or Silent()
    progress.start("evaluate", len(open_))
    place = asyncio.Semaphore(concurrency)

    async def one(question: str, case: Case) -> Transcript:
        transcript = await _answer(assistant, case, now, place)
        if store is not None and behaviour and transcript.lasting:
            # On another thread: a disk that takes its time must not keep the next answer from its turn.
            await asyncio.to_thread(store.put, KIND, f"{behaviour}:{question}", transcript.to_json())
        progress.advance(note=f"{len(known)} known" if known else "")
        return transcript

    asked = await asyncio.gather(*(one(question, case) for question, case in open_.items()))
    done = known | dict(zip(open_, asked, strict=True))
    if done and all(transcript.outcome is None for transcript in done.values()):
        raise RuntimeError(f"no case could be answered: {next(iter(done.values())).error}")
    return {case.id: done[case.question] for case in cases}


def recall(store: Store | None, behaviour: str, cases: Iterable[Case]) -> dict[str, Transcript]:
    """Question -> the transcript that is kept of it."""
    if store is None or not behaviour:
        return {}
    rows = {case.question: store.get(KIND, f"{behaviour}:{case.question}") for case in cases}
    return {question: transcript_from_json(row) for question, row in rows.items() if row is not None}


async def _answer(assistant: Assistant, case: Case, now: float, place: asyncio.Semaphore) -> Transcript:
    try:
        return await ask_case(assistant, case, now, place)
    except Exception as error:  # the named boundary: one failing case is a recorded outcome
        _log.warning("case %s failed: %s", case.id[:12], error)
        return Transcript(None, f"{type(error).__name__}: {error}")
