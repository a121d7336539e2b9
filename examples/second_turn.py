"""The second turn, after `trimtab demo -w WORKSPACE`: it learns from what the first turn's traffic complained of.

Both releases are judged on the core shard and on the reserved one (trade requests, which the first turn's rows did not
know, and which its users therefore complained of). Usage: python examples/second_turn.py WORKSPACE [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SHARDS = ('cases.sealed=["quarantine/sealed.jsonl", "quarantine/trade.jsonl"]', "cases.reserved=[]")
TURN = (
    *SHARDS,
    "train.start=stable",
    "train.sft.learning_rate=1.0e-4",
    "train.dpo_rows=40",
    "gate.superiority={action_accuracy: 0.0}",
)
METRICS = ("action_accuracy", "tool_routing_accuracy")


def trimtab(*arguments: str, settings: tuple[str, ...] = ()) -> Any:
    """Run a command with --json and return its document; exit 1 (a gate said no) is an answer too."""
    command = ["trimtab", *arguments, "--json", *(part for setting in settings for part in ("--set", setting))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode > 1:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace")
    parser.add_argument("--json", type=Path, dest="target")
    given = parser.parse_args()
    place, begun = ("-w", given.workspace), time.monotonic()
    harvest = trimtab("harvest", *place)
    turn = trimtab("run", *place, settings=TURN)
    before = trimtab("evaluate", "stable", *place, settings=SHARDS)
    after = trimtab("evaluate", turn["release"], *place, settings=SHARDS)
    rows: dict[str, Any] = {}
    for name in ("kind=trade", "all"):
        for metric in METRICS:
            rows[f"{name} {metric}"] = [pick(card, name)[metric] for card in (before, after)]
    for name, (old, new) in rows.items():
        print(f"{name:<34} {shown(old)}  ->  {shown(new)}")
    print(f"harvest {harvest['sft']} edits, gate {turn['gate']['verdict']}, {time.monotonic() - begun:.0f} s")
    if given.target:
        given.target.write_text(json.dumps({"metrics": rows, "harvest": harvest, "gate": turn["gate"]}, indent=2))


def pick(card: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = card["metrics"] if name == "all" else card["slices"][name]
    return found


def shown(metric: dict[str, float]) -> str:
    return f"{metric['value']:.3f} [{metric['ci_low']:.3f}, {metric['ci_high']:.3f}] n={metric['n']}"


if __name__ == "__main__":
    main()
