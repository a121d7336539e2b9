"""The page of the results: what was found where planted, what was claimed where not, and what DPO made of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.preferences.detection import LONGER_WINS, SAMPLE, TEMPLATED
from benchmarks.preferences.planting import Panel
from benchmarks.preferences.runs import PAIRS, PANEL, TRAINING


def page(document: Mapping[str, Any]) -> str:
    """Markdown."""
    parts = ["# Preference hygiene\n", _intro(document)]
    if found := document.get("detection"):
        parts += [_lengths(found), _careless(found), _templates(found), _natural(found)]
    if runs := document.get("runs"):
        parts.append(_runs(runs))
    return "\n".join(parts)


def _intro(document: Mapping[str, Any]) -> str:
    machine = document["machine"]
    return (
        "`make bench NAME=preferences` plants pathologies in real pairs and asks the door's preference stage for them,"
        " at the settings it ships with. Intervals are 95 %.\n\n"
        f"Machine: {machine['cpu']}, {machine['cores']} cores; {machine['date']}.\n"
    )


def _lengths(found: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            _share(one["found"]),
            _share(one["cried_wolf"]),
            _number(one["auc_planted"]),
            _number(one["auc_reweighted"]),
            _number(one["style_alone_reweighted"]),
        )
        for name, one in found["length"].items()
    ]
    head = ("set", "found", "any alarm on coin flips", "AUC of length", "after reweighting", "style alone after it")
    return (
        f"## A taste for length\n\nPairs in an order that a coin decides, then the longer side chosen on"
        f" {LONGER_WINS:.0%} of them (up to {SAMPLE} pairs a draw; a draw is a seed). Clean: coin flips alone. The"
        " weights are `balance: reweight`'s.\n\n" + _table(head, rows)
    )


def _careless(found: Mapping[str, Any]) -> str:
    rows = [
        (name, _share(one["found"]), _share(one["cried_wolf"]), _number(one["truer_than_majority"]))
        for name, one in found["careless"].items()
    ]
    panel, people = Panel(), found["pandalm"]
    agrees = ", ".join(_number(one) for one in people["agrees_with_others"].values())
    return (
        f"## One careless annotator of five\n\nEach pair judged by {panel.each} of five who slip on {panel.slip:.0%};"
        " the fifth flips a coin. Found: named, and nobody else. Clean: all five slip alike. Truer: share of combined"
        " pairs whose verdict is the true one, estimated error rates less the majority.\n\n"
        + _table(("set", "found", "anybody named where all are careful", "truer than the majority"), rows)
        + f"\nThe three people who judged pandalm_testset (first, second, tie): Krippendorff's α"
        f" {_number(people['alpha'])} over {people['alpha']['n']} questions; each agrees with the two others on"
        f" {agrees}. The answer that stood first wins {_number(people['first_wins'])} of {people['first_wins']['n']}.\n"
    )


def _templates(found: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            _number(one["recall"]),
            _share(one["all_found"]),
            _share(one["other_pairs_named"]),
            _share(one["sets_with_templates_of_their_own"]),
        )
        for name, one in found["templates"].items()
    ]
    head = (
        "set",
        "recall of planted pairs",
        "all of them found",
        "other pairs named",
        "draws with templates unplanted",
    )
    return (
        f"## Templated pairs\n\n{TEMPLATED:.0%} of the rejected sides put by one template with a slot from the prompt."
        " The last set was written by a model told to be impolite, and has templates of its own (“look it up yourself"
        " but …”): those are no false alarms.\n\n" + _table(head, rows)
    )


def _natural(found: Mapping[str, Any]) -> str:
    rows = [
        (
            name,
            str(one["pairs"]),
            _number(one["length_auc"]),
            _number(one["style_alone"]),
            ", ".join(one["alarms"]) or "none",
            str(one["templated_pairs"]),
        )
        for name, one in found["natural"].items()
    ]
    head = ("set", "pairs", "AUC of length", "style alone, held out", "alarms", "templated pairs")
    return "## The sets as they are\n\n" + _table(head, rows)


def _runs(runs: Mapping[str, Any]) -> str:
    compared, first = runs["compared"], runs["documents"][0]
    rows = [
        (
            arm,
            str(first[arm]["rows"]),
            str(first[arm]["steps"]),
            *(_number(compared[m][arm]) for m in ("accuracy", "loss")),
        )
        for arm in ("raw", "cleaned", "truth")
    ]
    gaps = [
        (
            name.replace("_", " "),
            *(
                _signed(compared[measure][name][over])
                for measure in ("accuracy", "loss")
                for over in ("over_pairs", "over_seeds")
            ),
        )
        for name in ("cleaned_minus_raw", "truth_minus_cleaned")
    ]
    every = runs["documents"]
    right = " / ".join(
        f"{100 * sum(one[key] for one in every) / len(every):.0f} %" for key in ("raw_right", "cleaned_right")
    )
    return (
        f"## DPO on raw and on cleaned pairs\n\nSmolLM2-135M-Instruct, all weights, rate {TRAINING.learning_rate:g},"
        f" β {TRAINING.beta:g}. Raw: {PAIRS} pairs of llms_from_scratch_pref, each judged by the careless annotator and"
        f" by two of four others who slip on {PANEL.slip:.0%}; on {PANEL.lazy:.0%} of the pairs these take the longer"
        " answer; and 5 % more rows in which a template beats the good answer. Every verdict is a row. Cleaned: the"
        " same rows through the preference stage (`max_share: 0.25`, `templates: cap`, `balance: reweight`), in as many"
        " epochs as make about as many steps. Truth: the same pairs with their own verdicts. Of the rows"
        f" {right} (raw / cleaned) have the true verdict. {compared['held_out_pairs']} held-out pairs with true"
        f" verdicts, no prompt in common; {compared['seeds']} seeds, each another draw of pairs, verdicts and order,"
        " none of them used while the stage was built (the held-out pairs were).\n\n"
        + _table(("run", "rows", "steps", "held-out margin accuracy", "−log σ(margin)"), rows)
        + "\n"
        + _table(("difference", "accuracy, over pairs", "over seeds", "−log σ(margin), over pairs", "over seeds"), gaps)
        + "\nOver pairs: bootstrap over held-out pairs, a pair's score its mean over the runs. Over seeds: t interval"
        " over the runs.\n"
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _share(one: Mapping[str, float]) -> str:
    """A rate over draws or pairs, in percent."""
    return f"{100 * one['value']:.1f} % [{100 * one['low']:.1f}, {100 * one['high']:.1f}], n = {one['n']}"


def _number(one: Mapping[str, float]) -> str:
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def _signed(one: Mapping[str, float]) -> str:
    return f"{one['value']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
