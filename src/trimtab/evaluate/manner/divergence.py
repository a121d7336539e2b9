"""How far a release has moved from the base model: full-vocabulary KL on its own answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trimtab.evaluate.suite import is_redteam
from trimtab.evaluate.transcript import Transcript
from trimtab.model import Dialect
from trimtab.records import Case, Message, ToolSchema
from trimtab.tools import with_system

Pair = tuple[Sequence[int], Sequence[int]]
Divergence = Callable[[Path, Path, Sequence[Pair]], list[list[float]]]


def kl_to_base(
    release: Path,
    base: Path,
    cases: Sequence[Case],
    transcripts: Mapping[str, Transcript],
    *,
    system: str = "",
    tools: Sequence[ToolSchema] = (),
    divergence: Divergence | None = None,
) -> dict[str, float]:
    """Case id -> mean KL(release ‖ base) a token, in nats, over all turns the release generated for the case.

    Turns are read as the model wrote them, before the guards. Attacks and cases without an answer are left out.
    ``divergence`` is ``engine.kl_per_token`` where none is given.
    """
    dialect = Dialect.of(release)
    pairs: list[Pair] = []
    owners: list[str] = []
    for case in cases:
        for pair in turn_pairs(case, transcripts[case.id], dialect, system, tools):
            pairs.append(pair)
            owners.append(case.id)
    found: dict[str, list[float]] = {}
    for owner, values in zip(owners, (divergence or _full)(release, base, pairs) if pairs else (), strict=True):
        found.setdefault(owner, []).extend(values)
    return {case_id: sum(values) / len(values) for case_id, values in found.items() if values}


def turn_pairs(
    case: Case, transcript: Transcript, dialect: Dialect, system: str, tools: Sequence[ToolSchema]
) -> list[Pair]:
    """Each generated turn's prompt and completion, its end-of-turn token included."""
    if transcript.outcome is None or is_redteam(case):
        return []
    prompt = with_system(case.messages, system)
    turns = _as_generated(transcript)
    pairs: list[Pair] = []
    for i, turn in enumerate(turns):
        if turn.role != "assistant" or not (turn.content or turn.tool_calls):
            continue
        encoded = dialect.encode_turns((*prompt, *turns[: i + 1]), case.tools or tools)
        start = len(encoded.ids) - _last_run(encoded.trained)
        pairs.append((encoded.ids[:start], [one for one, own in _tail(encoded.ids, encoded.trained, start) if own]))
    return pairs


def _as_generated(transcript: Transcript) -> tuple[Message, ...]:
    """The turns with the raw answer in the last one; a turn that the plan itself wrote is dropped."""
    outcome = transcript.outcome
    assert outcome is not None
    if not outcome.turns or outcome.turns[-1].role != "assistant":
        return outcome.turns
    last = outcome.turns[-1]
    if not outcome.raw_answer and not last.tool_calls:
        return outcome.turns[:-1]
    return (*outcome.turns[:-1], replace(last, content=outcome.raw_answer))


def _last_run(trained: Sequence[bool]) -> int:
    """Tokens from the start of the last trained run to the end."""
    i = len(trained)
    while i and not trained[i - 1]:
        i -= 1
    while i and trained[i - 1]:
        i -= 1
    return len(trained) - i


def _tail(ids: Sequence[int], trained: Sequence[bool], start: int) -> list[tuple[int, bool]]:
    return list(zip(ids[start:], trained[start:], strict=True))


def _full(release: Path, base: Path, pairs: Sequence[Pair]) -> list[list[float]]:
    from trimtab.engine.divergence import kl_per_token  # torch, only when it is needed

    return kl_per_token(release, base, pairs)
