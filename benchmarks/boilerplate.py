"""Boilerplate planted in real texts: how much of it is flagged and trimmed, and how often a clean answer is flagged.

Half of the planted phrases (every second one of `benchmarks/planted.py`) served to mend the patterns, the other half
never did: the page tells them apart. Both halves are one kind of English, so rarer wordings are met less often.
Sentences of no known kind are found only by how often they repeat. Texts by people hold some real boilerplate: their
share is an upper bound of false flags. Run from the repository: `python -m benchmarks.boilerplate --write`.
"""

import argparse
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.lockstep import ROOT
from benchmarks.machine import describe
from benchmarks.pages import markdown, show, verdict, write
from benchmarks.planted import ANYWHERE, CLOSINGS, INVENTED, OPENINGS
from trimtab.curate.cleaning.boilerplate import Repeated, boilerplate, count_repeated, trimmed
from trimtab.curate.cleaning.quality import quality_flags
from trimtab.stats import mean_interval, wilson

DATA = ROOT.parent / "shared" / "data"
NOTHING = Repeated()
HUMAN = ("self_instruct", "gsm8k", "svamp", "truthfulqa", "c4_sample", "wiki_articles")
MODEL = ("dpo_mix_demo", "glaive_toolcall", "llms_from_scratch_sft", "kto_mix_demo")
GOALS = {"planted_known_flagged": ("at least", 0.95), "planted_repeated_flagged": ("at least", 0.95)}
SHARE, LEAST = 0.02, 5


@dataclass(frozen=True, slots=True)
class Answer:
    """One real answer with what was asked."""

    source: str
    asked: str
    text: str


def measure(data: Path = DATA, limit: int = 400) -> dict[str, Any]:
    """Shares with intervals: planted phrases flagged, repeated ones flagged and cut, clean answers flagged."""
    human = {name: answers(data, name)[:limit] for name in HUMAN}
    model = {name: answers(data, name)[:limit] for name in MODEL}
    hosts = [one for found in (*human.values(), *model.values()) for one in found if not flags_of(one)]
    known = planted_known(hosts)
    return {
        "planted_known_flagged": _by_phrase([row for row in known if row["held_out"]]),
        "planted_tuned_flagged": _by_phrase([row for row in known if not row["held_out"]]),
        "by_place": {
            place: _by_phrase([row for row in known if row["held_out"] and row["place"] == place])
            for place in ("opening", "closing", "anywhere")
        },
        "missed": sorted({row["phrase"] for row in known if not row["flagged"]}),
        **planted_repeated({**human, **model}),
        "clean_flagged": {name: _share([bool(flags_of(one)) for one in found]) for name, found in human.items()},
        "clean_flagged_all": _share([bool(flags_of(one)) for found in human.values() for one in found]),
        "model_flagged": {name: _share([bool(flags_of(one)) for one in found]) for name, found in model.items()},
        "quality_flagged": {
            name: _share([bool(quality_flags(one.text)) for one in found]) for name, found in {**human, **model}.items()
        },
        "machine": describe(),
    }


def flags_of(answer: Answer) -> list[str]:
    return boilerplate(answer.text, answer.asked, answer.source, NOTHING)


def planted_known(hosts: Sequence[Answer], each: int = 6) -> list[dict[str, Any]]:
    """Every phrase in ``each`` hosts: before, behind, or between two sentences of them."""
    rows, turn = [], 0
    for place, phrases in (("opening", OPENINGS), ("closing", CLOSINGS), ("anywhere", ANYWHERE)):
        for number, phrase in enumerate(phrases):
            for _ in range(each):
                host = hosts[(turn := turn + 7) % len(hosts)]
                planted = Answer(host.source, host.asked, plant(host.text, phrase, place))
                held_out = number % 2 == 1
                rows.append(
                    {"phrase": phrase, "place": place, "held_out": held_out, "flagged": bool(flags_of(planted))}
                )
    return rows


def plant(text: str, phrase: str, place: str) -> str:
    """The text with the phrase at its start, its end, or after its first sentence."""
    text = text.strip()
    if place == "opening":
        return f"{phrase} {text}"
    if place == "closing":
        return f"{text}\n\n{phrase}"
    first = text.find(". ")
    return f"{text} {phrase}" if first < 0 else f"{text[: first + 2]}{phrase} {text[first + 2 :]}"


def planted_repeated(sets: dict[str, list[Answer]], share: float = 0.05) -> dict[str, Any]:
    """Sentences of no known kind, each at one edge of a twentieth of a source's answers; and cut out again."""
    flagged, restored, false = [], [], []
    for number, sentence in enumerate(INVENTED):
        name = list(sets)[number % len(sets)]
        place = ("opening", "closing")[number // len(sets) % 2]
        found = list({one.text.strip(): one for one in sets[name]}.values())
        step = max(1, int(1 / share))
        texts = [plant(one.text, sentence, place) if i % step == 0 else one.text for i, one in enumerate(found)]
        repeated = count_repeated([(name, text) for text in texts], SHARE, LEAST)
        for i, (one, text) in enumerate(zip(found, texts, strict=True)):
            hit = any(flag.endswith("repeated") for flag in boilerplate(text, one.asked, name, repeated))
            if i % step == 0:
                flagged.append(hit)
                cut = trimmed(text, name, repeated)[1]
                restored.append(sentence in cut)
            else:
                false.append(hit)
    return {
        "planted_repeated_flagged": _share(flagged),
        "planted_repeated_cut": _share(restored),
        "unplanted_repeated_flagged": _share(false),
    }


def answers(data: Path, name: str) -> list[Answer]:
    """The answers of a set as its people or models gave them."""
    if name in ("c4_sample", "wiki_articles"):
        rows = _rows(data / name / "original.jsonl.gz")
        return [Answer(name, "", text) for row in rows if len(text := str(row.get("text", ""))) > 80]
    if name == "truthfulqa":
        path = next((data / name).glob("original.jsonl*"))
        return [
            Answer(name, row["question"], row["answer"][0]) for row in _rows(path) if len(row["answer"][0].split()) > 4
        ]
    path = next(
        path for kind in ("chat_sft", "tool_sft", "preference", "unpaired") for path in (data / name).glob(f"{kind}*")
    )
    found = [_last(name, row) for row in _rows(path)]
    return [one for one in found if len(one.text.split()) >= 5]


def _last(name: str, row: dict[str, Any]) -> Answer:
    turns = row.get("messages") or [*row["prompt"], *(row.get("chosen") or row.get("completion") or ())]
    asked = next((turn["content"] for turn in reversed(turns) if turn["role"] == "user"), "")
    return Answer(name, asked, turns[-1].get("content") or "" if turns[-1]["role"] == "assistant" else "")


def _rows(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _by_phrase(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The flagged share; its interval knows that hosts of one phrase are no independent trials."""
    found = mean_interval([row["flagged"] for row in rows], clusters=[row["phrase"] for row in rows], lower=0, upper=1)
    return {"value": found.value, "n": found.n, "low": found.low, "high": found.high}


def _share(found: Sequence[bool]) -> dict[str, Any]:
    if not found:
        return {"value": None, "n": 0}
    estimate = wilson(sum(found), len(found))
    return {"value": estimate.value, "n": estimate.n, "low": estimate.low, "high": estimate.high}


def tables(found: dict[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    def row(name: str, share: dict[str, Any]) -> tuple[str, ...]:
        if not share["n"]:
            return (name, "none", "0", "")
        interval = f"{share['low']:.3f} to {share['high']:.3f}"
        return (name, f"{share['value']:.3f}", str(share["n"]), interval)

    columns = ("what", "share", "n", "95 % interval")
    planted = [
        row("known kinds, wording never seen", found["planted_known_flagged"]),
        row("known kinds, wording used to write the patterns", found["planted_tuned_flagged"]),
        *(row(f"never seen, {place}", share) for place, share in found["by_place"].items()),
        row("no known kind, by repetition", found["planted_repeated_flagged"]),
        row("… and cut out again", found["planted_repeated_cut"]),
        row("not planted, flagged as repeated", found["unplanted_repeated_flagged"]),
    ]
    clean = [row(name, share) for name, share in found["clean_flagged"].items()]
    clean.append(row("all texts by people", found["clean_flagged_all"]))
    clean += [row(f"{name} (models' own)", share) for name, share in found["model_flagged"].items()]
    quality = [row(name, share) for name, share in found["quality_flagged"].items()]
    return [
        ("Planted boilerplate that is flagged", columns, planted),
        ("Real answers that are flagged", columns, clean),
        ("Real answers with a quality flag", columns, quality),
    ]


def page(found: dict[str, Any]) -> str:
    lines = ["# Boilerplate, planted and found", "", (__doc__ or "").split("\n\n", 1)[1].strip(), ""]
    for title, columns, rows in tables(found):
        lines += [f"## {title}", "", *markdown(columns, rows), ""]
    for name, goal in GOALS.items():
        lines.append(f"- `{name}`: {verdict(found[name]['value'], goal)}")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--write", action="store_true", help="write docs/results/boilerplate.*")
    asked = parser.parse_args()
    found = measure(asked.data)
    if asked.write:
        write(ROOT / "docs" / "results" / "boilerplate", page(found), found)
    if asked.json:
        print(json.dumps(found, indent=2))
    else:
        show(tables(found))


if __name__ == "__main__":
    main()
