"""One greedy task three ways: our own runner, Inspect and lm-eval, on the default model. `make bench NAME=interop`.

The questions are SVAMP's; each harness reads the last number of an answer by its own means (our check `number`,
Inspect's `match(numeric=True)`, lm-eval's regex filter). Inspect and lm-eval ask through the gateway.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.interop.agreement import Row, agreement, disagreements
from benchmarks.lockstep import ROOT
from benchmarks.machine import describe
from benchmarks.pages import markdown, show, write
from benchmarks.peers import BENCH, peer_python, versions
from trimtab.cli.template import write_from
from trimtab.evaluate import make_suite
from trimtab.loop.examined import Examination, examine
from trimtab.loop.judging import BASE, behaviour_named, judge
from trimtab.loop.turn import Context
from trimtab.loop.workspace import Workspace, find_workspace
from trimtab.records import Case, Expected, Message, Scorecard, Silent

HERE = Path(__file__).parent
DATA = ROOT.parent / "shared" / "data" / "svamp" / "original.jsonl"
_PACKAGES = {"inspect": ("inspect_ai", "inspect-ai"), "lm-eval": ("lm_eval", "lm-eval")}


def questions(count: int) -> list[Row]:
    """The first questions, with their answers as whole numbers or decimals."""
    rows = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()[:count]]
    return [Row(row["_id"], f"{row['Body'].strip()} {row['Question'].strip()}", f"{row['Answer']:g}") for row in rows]


def workspace_of(folder: Path, rows: Sequence[Row], tokens: int) -> Workspace:
    """A workspace without tools or guards' texts of the template: the base model answers chats."""
    chats = folder / "chats.jsonl"
    chats.write_text("".join(json.dumps(row.chat()) + "\n" for row in rows), "utf-8")
    write_from(folder / "workspace", chats, "interop")
    decoding = [f"serving.decoding.max_tokens={tokens}", f"serving.limits.tokens={4 * tokens}"]
    return find_workspace(folder / "workspace", (*decoding, "serving.precision=f32"))


def ours(workspace: Workspace, rows: Sequence[Row]) -> Scorecard:
    """Our own runner: the same plan without the network between."""
    cases = [
        Case(
            (Message("user", row.question),),
            Expected("answer", check={"kind": "number", "value": row.answer}),
            labels={"battery": "svamp", "row": row.id},
        )
        for row in rows
    ]
    context = Context(workspace, {}, Silent(), "interop")
    behaviour = behaviour_named(workspace, BASE, Silent())
    card = judge(context, behaviour, make_suite(cases, "svamp"), None).scorecard
    names = {case.id: row.id for case, row in zip(cases, rows, strict=True)}
    return renamed(card, names)


def renamed(card: Scorecard, names: Mapping[str, str]) -> Scorecard:
    """The scorecard with the questions' own ids."""
    return Scorecard(
        card.suite,
        card.suite_digest,
        card.release,
        card.metrics,
        cases={"accuracy": {names[id]: score for id, score in card.cases["svamp_accuracy"].items()}},
        answers={names[id]: {**answer, "answer": answer["answer"]} for id, answer in card.answers.items()},
    )


def measure(count: int, tokens: int) -> dict[str, Any]:
    """The three scorecards on the same questions, and how far they agree."""
    rows = questions(count)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        workspace = workspace_of(folder, rows, tokens)
        cards = {"ours": ours(workspace, rows)}
        jobs = _tasks(folder, rows, tokens)
        pythons = {
            name: peer_python(module, HERE / f"requirements-{name}.txt") for name, (module, _) in _PACKAGES.items()
        }
        for name, (task, arguments) in jobs.items():
            asked = Examination(name, task, arguments=arguments, python=pythons[name])
            cards[name] = examine(workspace, BASE, asked, Silent())
        workspace.store.close()
    by_row = {"lm-eval": {str(i): row.id for i, row in enumerate(rows)}}
    found = agreement(cards, by_row, [row.id for row in rows])
    used = {name: versions(pythons[name], package)[package] for name, (_, package) in _PACKAGES.items()}
    machine = describe("openvino-genai", "transformers")
    return {"questions": count, "tokens": tokens, **found, "harnesses": used, "machine": machine}


def _tasks(folder: Path, rows: Sequence[Row], tokens: int) -> dict[str, tuple[str, dict[str, str]]]:
    """The questions as a file, and the task of each harness over it."""
    data = folder / "questions.jsonl"
    data.write_text("".join(json.dumps(row.to_json()) + "\n" for row in rows), "utf-8")
    template = (HERE / "tasks" / "word_problems.yaml").read_text("utf-8")
    task = folder / "tasks" / "word_problems.yaml"
    task.parent.mkdir()
    task.write_text(template.replace("{rows}", str(data)).replace("{tokens}", str(tokens)), "utf-8")
    own = {"rows": str(data), "tokens": str(tokens)}
    return {"inspect": (f"{HERE / 'tasks' / 'word_problems.py'}@word_problems", own), "lm-eval": (str(task), {})}


def _tables(found: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    scores: list[tuple[str, ...]] = [
        (name, f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]", str(one["n"]), str(one["unscored"]))
        for name, one in found["scores"].items()
    ]
    pairs: list[tuple[str, ...]] = [
        (pair, f"{one['same_answer']}/{one['n']}", f"{one['same_score']}/{one['n']}", one["difference"])
        for pair, one in found["pairs"].items()
    ]
    return [
        ("scores", ("", "accuracy [95 %]", "n", "unscored"), scores),
        ("agreement", ("pair", "same answer", "same score", "difference of the accuracies [95 %]"), pairs),
    ]


def page(found: Mapping[str, Any]) -> str:
    """The page of results."""
    machine = found["machine"]
    lines = [
        "# The same task in our battery, in Inspect and in lm-eval",
        "",
        f"Command: `make bench NAME=interop`. Machine: {machine['cores']} cores of {machine['cpu']}; "
        + ", ".join(f"{name} {version}" for name, version in (machine["versions"] | found["harnesses"]).items())
        + f"; {machine['date']}.",
        "",
        f"{found['questions']} questions of SVAMP, greedy, at most {found['tokens']} tokens,"
        " SmolLM2-135M-Instruct (f32).",
        "",
    ]
    for _, columns, rows in _tables(found):
        lines += [*markdown(columns, rows), ""]
    lines += [str(__doc__).split("\n\n", 1)[1].strip(), "", *disagreements(found)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split(".")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--json", action="store_true", help="print one object only")
    asked = parser.parse_args()
    found = measure(asked.count, asked.tokens)
    if asked.json:
        print(json.dumps(found))
        return
    show(_tables(found))
    write(ROOT / "docs" / "results" / "interop", page(found), found)
    print(f"peers' environments are in {BENCH.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
