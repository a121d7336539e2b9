"""SFT on GSM8K's calculator traces: how often the first call is a calculation that the problem needs."""

from pathlib import Path

from benchmarks.learn.data import tool_examples
from benchmarks.learn.measure import Prompt, answers, texts
from benchmarks.learn.result import Panel, Place, Point, Result, apart
from trimtab.records import Example, Message
from trimtab.stats import wilson
from trimtab.tools.calculator import evaluate
from trimtab.tools.toolbox import ToolError
from trimtab.train import SftConfig, train_sft

SIZES = (0, 60, 180)
HELD_OUT = 100
CONFIG = SftConfig(learning_rate=2e-4, rows_per_step=8, token_budget=4096, max_tokens=1024, bad_rows="drop")


def run(place: Place) -> Result:
    """Correct first calls on held-out problems after 0 to 180 taught problems."""
    test = tool_examples(place.data, "gsm8k/tool_sft", "test")[:HELD_OUT]
    points = []
    for size in SIZES:
        folder = taught(place, size)
        right = [correct(message, example) for message, example in zip(first_turns(folder, test), test, strict=True)]
        points.append(Point.of(size, wilson(sum(right), len(right))))
    panel = Panel("Correct calculator use", "problems taught", "share of held-out problems", {"SFT": tuple(points)})
    held = apart(points[0], points[-1]) and points[-1].value > points[0].value
    return Result("SFT on gsm8k/tool_sft raises correct calculator use on held-out problems", held, (panel,))


def taught(place: Place, size: int) -> Path:
    """π0 taught by the first ``size`` training problems; kept, so that other experiments may start from it."""
    if size == 0:
        return place.model
    rows = tool_examples(place.data, "gsm8k/tool_sft", "train")[:size]
    folder = place.work / f"sft-{size}"
    train_sft(place.model, rows, CONFIG, work=folder / "work", out=folder / "model")
    return folder / "model"


def question(example: Example) -> Prompt:
    """The problem alone, with the tool."""
    first = next(i for i, message in enumerate(example.messages) if message.role == "assistant")
    return example.messages[:first], example.tools


def first_turns(folder: Path, examples: list[Example], temperature: float = 0.0) -> list[Message]:
    prompts = [question(example) for example in examples]
    return texts(folder, answers(folder, prompts, max_tokens=80, temperature=temperature))


def correct(message: Message, example: Example) -> bool:
    """The first call is the calculator's, and what it works out is one of the results in the solution."""
    if not message.tool_calls or message.tool_calls[0].name != "calculator":
        return False
    needed = {_value(call.arguments.get("expression")) for turn in example.messages for call in turn.tool_calls}
    value = _value(message.tool_calls[0].arguments.get("expression"))
    return value is not None and value in needed


def _value(expression: object) -> float | None:
    try:
        return round(float(evaluate(str(expression))), 6)
    except ToolError:
        return None
