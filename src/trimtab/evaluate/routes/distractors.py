"""What has nothing to do with the matter: earlier exchanges and tools that no routing case asks for."""

from typing import Any

from trimtab.records import ToolSchema

EARLIER = (
    ("Do you know a word that rhymes with lantern?", "Slattern does, and saturn comes close."),
    ("My cat sleeps on the keyboard all day.", "Cats like what is warm. A blanket beside it may win her over."),
    ("Is a tomato a fruit?", "To a botanist it is a berry; in a kitchen it counts as a vegetable."),
    ("I finally finished my jigsaw puzzle!", "Well done. The last piece is the best one."),
)
"""A user's turn and its answer."""


def _tool(name: str, description: str, argument: str, about: str) -> ToolSchema:
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {argument: {"type": "string", "description": about}},
        "required": [argument],
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


DISTRACTORS = (
    _tool("sourdough_feeding_plan", "Plan when a sourdough starter is fed.", "starter", "Name of the starter"),
    _tool("knitting_gauge", "Convert a knitting gauge between yarn weights.", "yarn", "Weight of the yarn"),
    _tool("tide_pool_guide", "Describe an animal found in a tide pool.", "animal", "The animal's common name"),
    _tool("bell_ringing_method", "List the changes of a bell-ringing method.", "method", "Name of the method"),
    _tool("kite_line_length", "Advise on the line of a kite.", "kite", "Model of the kite"),
)
