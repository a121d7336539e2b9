"""From kinds to files: how many scenes of each kind a part has, and what they are handed out as."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from trimtab.records import Case, Comparison, Example, Message, ToolSchema
from trimtab.templates.generator.calculator import calculator_scenes, price_scenes
from trimtab.templates.generator.conversations import conversation_scenes
from trimtab.templates.generator.knowledge import knowledge_scenes, missing_scenes
from trimtab.templates.generator.orders import order_error_scenes, order_scenes, refund_scenes
from trimtab.templates.generator.phrases import phrases
from trimtab.templates.generator.scene import Item, Scene, Wrong, as_case, as_comparison, as_example, as_item
from trimtab.templates.generator.shop import read_shop
from trimtab.templates.generator.split import Part
from trimtab.templates.generator.stage import Call, Stage
from trimtab.templates.generator.toolless import clarify_scenes, decline_scenes, trade_scenes
from trimtab.templates.resources import workspace_files

KINDS: Mapping[str, Callable[[Stage], Iterator[Scene]]] = {
    "knowledge": knowledge_scenes,
    "missing": missing_scenes,
    "calculator": calculator_scenes,
    "price_total": price_scenes,
    "order": order_scenes,
    "order_error": order_error_scenes,
    "refund": refund_scenes,
    "conversation": conversation_scenes,
    "clarify": clarify_scenes,
    "decline": decline_scenes,
    "trade": trade_scenes,
}
COUNTS: Mapping[Part, Mapping[str, int]] = {
    "train": dict(zip(KINDS, (146, 50, 102, 14, 60, 22, 26, 22, 46, 54, 0), strict=True)),
    "sealed": dict(zip(KINDS, (30, 13, 18, 5, 16, 6, 8, 8, 8, 8, 30), strict=True)),
    "traffic": dict(zip(KINDS, (90, 40, 40, 14, 56, 16, 28, 20, 24, 18, 72), strict=True)),
    "development": dict(zip(KINDS, (14, 6, 8, 2, 10, 4, 4, 4, 4, 4, 0), strict=True)),
}
"""Scenes of each kind. Sealed: 120 and, apart, 30 of ``trade``, which the training part does not know."""
COMPARISONS = 160
_SALTED, _USERS, _PATIENCE = 0.25, 60, 400


@dataclass(frozen=True, slots=True)
class Generated:
    """What a part consists of: examples and comparisons, or cases (sealed, development), or traffic."""

    examples: tuple[Example, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    cases: tuple[Case, ...] = ()
    traffic: tuple[Item, ...] = ()

    @property
    def conversations(self) -> list[tuple[Message, ...]]:
        """The messages of every row but the comparisons."""
        return [
            *(example.messages for example in self.examples),
            *(case.messages for case in self.cases),
            *(item.messages for item in self.traffic),
        ]


def generate(
    call: Call,
    *,
    seed: int,
    part: Part,
    system: str | None = None,
    tools: Sequence[ToolSchema] | None = None,
    files: Mapping[str, bytes] | None = None,
    counts: Mapping[str, int] | None = None,
    comparisons: int = COMPARISONS,
) -> Generated:
    """A part's rows, the same for the same seed and tools.

    ``call(name, arguments)`` runs the workspace's real tool and returns what the model would see; equal refunds must
    be one effect (key them by their arguments). ``system`` and ``tools`` go into the training rows; None takes the
    workspace's. ``files``: the workspace, None for the packaged one. ``counts``: scenes of each kind, None for
    ``COUNTS[part]``.
    """
    files = workspace_files("support") if files is None else files
    system = files["system.md"].decode().strip() if system is None else system
    tools = tool_schemas(files) if tools is None else tools
    counts = COUNTS[part] if counts is None else counts
    stage = Stage(part, read_shop(files), phrases(part), call, random.Random(f"{seed}/{part}"))
    seen: set[tuple[str, ...]] = set()
    scenes = _scenes(stage, counts, seen)
    if part == "train":
        rng = stage.rng
        pairs = _comparisons(stage, counts, seen, comparisons)
        return Generated(
            examples=tuple(as_example(scene, system, tools, rng.random() < _SALTED) for scene in scenes),
            comparisons=tuple(as_comparison(scene, wrong, system, tools) for scene, wrong in pairs),
        )
    if part == "traffic":
        users = [f"user-{number:03d}" for number in range(1, _USERS + 1)]
        return Generated(traffic=tuple(as_item(scene, stage.rng.choice(users)) for scene in scenes))
    return Generated(cases=tuple(as_case(scene, part) for scene in scenes))


def tool_schemas(files: Mapping[str, bytes]) -> tuple[ToolSchema, ...]:
    """OpenAI's schemas of the tools that ``tools/tools.yaml`` declares, in its order."""
    fields = ("name", "description", "parameters")
    rows = yaml.safe_load(files["tools/tools.yaml"])["tools"]
    return tuple({"type": "function", "function": {field: row[field] for field in fields}} for row in rows)


def _scenes(stage: Stage, counts: Mapping[str, int], seen: set[tuple[str, ...]]) -> list[Scene]:
    """``counts`` scenes of each kind, shuffled; no two with the same user turns."""
    scenes = [scene for kind, count in counts.items() for scene in _fresh(KINDS[kind], stage, count, seen)]
    stage.rng.shuffle(scenes)
    return scenes


def _fresh(
    kind: Callable[[Stage], Iterator[Scene]], stage: Stage, count: int, seen: set[tuple[str, ...]]
) -> Iterator[Scene]:
    if not count:
        return
    tries = 0
    for scene in kind(stage):
        tries += 1
        assert tries < count + _PATIENCE, f"the wordings of {scene.labels['kind']} are used up"
        if scene.asked in seen:
            continue
        seen.add(scene.asked)
        yield scene
        count -= 1
        if not count:
            return


def _comparisons(
    stage: Stage, counts: Mapping[str, int], seen: set[tuple[str, ...]], wanted: int
) -> list[tuple[Scene, Wrong]]:
    """New scenes in the shares of ``counts``, one wrong reply each, the reasons of a kind taken in turn."""
    total = max(1, sum(counts.values()))
    shares = {kind: round(count * wanted / total) for kind, count in counts.items()}
    most = max(shares, key=lambda kind: shares[kind])
    shares[most] = max(0, shares[most] + (wanted if any(counts.values()) else 0) - sum(shares.values()))
    pairs: list[tuple[Scene, Wrong]] = []
    used: dict[str, int] = {}
    for scene in _scenes(stage, shares, seen):
        wrong = min(scene.wrongs, key=lambda wrong: (used.get(_reason(scene, wrong), 0), stage.rng.random()))
        used[_reason(scene, wrong)] = used.get(_reason(scene, wrong), 0) + 1
        pairs.append((scene, wrong))
    return pairs


def _reason(scene: Scene, wrong: Wrong) -> str:
    return f"{scene.labels['kind']}: {wrong.reason}"
