"""One evaluation: answer the suite's cases, measure the drift, score."""

from collections.abc import Callable, Mapping
from pathlib import Path

from trimtab.evaluate.action import MARKERS_ONLY, Wording
from trimtab.evaluate.card import score_suite
from trimtab.evaluate.checks import require_checks
from trimtab.evaluate.confidence import Instrument, confidences
from trimtab.evaluate.confidence.temperature import Temperature
from trimtab.evaluate.config import DEFAULTS, EvaluateConfig
from trimtab.evaluate.grounding import entailed_scores, entails_of
from trimtab.evaluate.manner.variety import Embed
from trimtab.evaluate.suite import Suite, is_redteam
from trimtab.evaluate.transcribe import transcribe
from trimtab.evaluate.transcript import Transcript
from trimtab.records import Progress, Scorecard
from trimtab.store import Store
from trimtab.tools import Assistant

Drift = Callable[[Mapping[str, Transcript]], Mapping[str, float]]
Moved = Callable[[Mapping[str, Transcript]], Mapping[str, Mapping[str, float]]]


async def evaluate(
    assistant: Assistant,
    suite: Suite,
    config: EvaluateConfig = DEFAULTS,
    *,
    release: str,
    vocab_size: int,
    now: float,
    store: Store | None = None,
    wording: Wording = MARKERS_ONLY,
    drift: Drift | None = None,
    moved: Moved | None = None,
    instrument: Instrument | None = None,
    temperatures: Mapping[str, Temperature] | None = None,
    embed: Embed | None = None,
    progress: Progress | None = None,
    root: Path = Path(),
) -> Scorecard:
    """The scorecard of ``release`` (its behaviour digest, under which transcripts are kept in ``store``).

    ``drift``: transcripts -> case id -> KL to the base model (``kl_to_base`` with its folders filled in). ``moved``:
    the same for further metrics of how far it moved. ``instrument``: what reads confidence that transcripts do not
    hold; ``temperatures``: by source, fitted elsewhere; ``embed``: texts as vectors, for diversity of meaning.
    ``root``: the workspace, in which a judge's folder is looked for.
    """
    require_checks(suite.cases)
    transcripts = await transcribe(
        assistant, suite.cases, config.concurrency, progress, now=now, store=store, behaviour=release
    )
    judge = entails_of(config.entailment, store, root) if config.entailment is not None else None
    quality = {case.id: case for case in suite.cases if not is_redteam(case)}
    return score_suite(
        suite,
        transcripts,
        release=release,
        vocab_size=vocab_size,
        config=config,
        wording=wording,
        kl_to_base=drift(transcripts) if drift is not None else None,
        judged=entailed_scores(quality, transcripts, judge) if judge is not None else None,
        moved=moved(transcripts) if moved is not None else None,
        confidence=confidences(config.confidence, tuple(quality.values()), transcripts, instrument, wording),
        temperatures=temperatures,
        embed=embed,
    )
