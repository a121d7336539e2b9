"""Deduplication as a stage of the door: what gave way to what, as clusters."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from trimtab.curate.config import DedupeConfig
from trimtab.curate.dedupe.rows import Twin, clusters, dedupe, drops_of
from trimtab.curate.place import Placed
from trimtab.curate.stage import Staged
from trimtab.curate.vectors import Embed

_SHOWN = 20


def dedupe_stage(rows: Sequence[Placed], config: DedupeConfig, embed: Embed | None = None) -> Staged:
    """``dedupe``; its findings count the clusters, and show the largest with the place of each member."""
    kept, twins = dedupe(rows, config, embed)
    return Staged(kept, drops_of(twins), findings=_findings(twins, config))


def _findings(twins: Sequence[Twin], config: DedupeConfig) -> dict[str, Any]:
    found = sorted(clusters(twins).values(), key=lambda cluster: -len(cluster[1]))
    sizes = Counter(len(members) + 1 for _, members in found)
    return {
        "clusters": len(found),
        "sizes": {str(size): sizes[size] for size in sorted(sizes)},
        "by_how": dict(sorted(Counter(twin.how for twin in twins).items())),
        "largest": [
            {"kept": kept.place, "members": [_member(twin) for twin in members[:_SHOWN]], "size": len(members) + 1}
            for kept, members in found[:_SHOWN]
        ],
        "near": f"Jaccard of word 3-grams from {config.threshold:g}" if config.threshold < 1 else "not looked for",
        "semantic": "not looked for" if config.semantic is None else f"cosine from {config.semantic:g}",
    }


def _member(twin: Twin) -> dict[str, Any]:
    return {"place": twin.row.place, "how": twin.how, "score": round(twin.score, 3)}
