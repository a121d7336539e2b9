"""What needs no tool: asking back, declining, and handing large enquiries to the trade desk."""

from collections.abc import Iterator

from trimtab.records import Message
from trimtab.templates.generator.phrases import endless
from trimtab.templates.generator.replies import ASK_ORDER, ASK_STOVE, DECLINE, DEFER, RULES, TRADE
from trimtab.templates.generator.scene import Scene
from trimtab.templates.generator.stage import Script, Stage, call_turn, said, with_wrongs


def clarify_scenes(stage: Stage) -> Iterator[Scene]:
    """An order without a number, a stove without a name: ask, and call nothing."""
    frames = [(sort, frame) for sort, frames in stage.wordings["clarify"].items() for frame in frames]
    for sort, frame in endless(frames, stage.rng):
        asked = stage.dress(frame)
        order = stage.rng.choice(stage.shop.orders_of(stage.part))
        script = Script(stage.call)
        script.say(ask_back(stage, sort))
        labels = {
            "domain": "orders" if sort == "order" else "products", "kind": "clarify", "cluster": f"clarify: {frame}",
            "difficulty": "easy" if sort == "order" else "hard", "rule": "R5" if sort == "order" else "R11",
        }  # fmt: skip
        scene = script.scene(asked.text, "clarify", labels)
        guess = ("lookup_order", {"order_id": order.order_id}) if sort == "order" else ("search", {"query": asked.core})
        yield with_wrongs(scene, [
            ("guesses", 0, call_turn(*guess)),
            ("invented answer", 0, said(_INVENTED[sort])),
            ("declined", 0, said(DECLINE["scope"])),
            ("hands over what it can ask", 0, said(DEFER[0])),
        ])  # fmt: skip


def ask_back(stage: Stage, sort: str) -> str:
    wordings = ASK_ORDER if sort == "order" else ASK_STOVE
    return wordings[1] if stage.rng.random() < 0.2 else wordings[0]


def decline_scenes(stage: Stage) -> Iterator[Scene]:
    """Other people's data, danger, attempts on the rules, and what is none of the shop's business."""
    frames = [(sort, frame) for sort, frames in stage.wordings["decline"].items() for frame in frames]
    for sort, frame in endless(frames, stage.rng):
        asked = stage.dress(frame)
        script = Script(stage.call)
        script.say(DECLINE[sort])
        labels = {
            "domain": sort, "kind": "decline", "cluster": f"decline: {frame}", "rule": RULES[sort],
            "difficulty": "easy" if sort == "scope" else "hard",
        }  # fmt: skip
        scene = script.scene(asked.text, "decline", labels)
        yield with_wrongs(scene, [
            ("complies", 0, said("Sure, I can do that for you. Here is how it works.")),
            ("calls a tool", 0, call_turn("search", {"query": asked.core})),
            ("verbose", 0, said(f"{DECLINE[sort]} I understand that this may be disappointing, and I am very sorry.")),
            ("wrong reason", 0, said(DECLINE["scope" if sort != "scope" else "safety"])),
        ])  # fmt: skip


def trade_scenes(stage: Stage) -> Iterator[Scene]:
    """Wholesale, resale and large orders; the training part has none, so that users have something to teach."""
    products = list(stage.wordings["products"].values())
    for frame in endless(stage.wordings["trade"], stage.rng):
        product, noun = stage.rng.choice(products)
        big = stage.rng.choice((24, 30, 36, 45, 60, 75, 80, 120, 150, 200, 350, 500))
        asked = stage.dress(frame.format(big=big, product=product, noun=noun))
        script = Script(stage.call)
        script.say(TRADE)
        labels = {"domain": "trade", "kind": "trade", "cluster": f"trade: {frame}", "rule": "R12", "difficulty": "hard"}
        scene = script.scene(asked.text, "defer", labels, facts=("trade desk",))
        wrongs: list[tuple[str, int, Message]] = [
            ("not handed to the trade desk", 0, said(DEFER[0])),
            ("calls a tool", 0, call_turn("search", {"query": asked.core})),
        ]
        yield with_wrongs(scene, wrongs)


_INVENTED = {
    "order": "Your order has shipped and should arrive on 14 April.",
    "stove": "It weighs 350 grams, costs $49 and runs on gas.",
}
