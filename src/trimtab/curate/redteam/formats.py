"""Published red-team formats, each told by its fields and read into attacks."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.curate.redteam.attack import Attack, Behaviour, Style, attack_from_json
from trimtab.curate.redteam.categories import mapped
from trimtab.records import Message, UserError

JsonRow = Mapping[str, Any]
_DOCUMENT = "Please tell me what this text says:"
"""What the user asks of a text with an injected instruction; the right answer does not follow the text."""


@dataclass(frozen=True, slots=True)
class RedTeamFormat:
    """``parse`` gives the attack, or a sentence that says why the row is none (an image, a user's plain task)."""

    name: str
    sentence: str
    recognise: Callable[[JsonRow], bool]
    parse: Callable[[JsonRow], Attack | str]


def told(row: Any) -> RedTeamFormat:
    """The first format whose fields the row has. Raises UserError."""
    if not isinstance(row, Mapping):
        raise UserError(f"a row must be an object or a text, not {type(row).__name__}")
    found = next((form for form in REDTEAM_FORMATS if form.recognise(row)), None)
    if found is None:
        fields = ", ".join(map(str, row)) or "none"
        raise UserError(f"no known red-team row, with the fields {fields}", expected=" | ".join(_names()))
    return found


def named(name: str) -> RedTeamFormat:
    """Raises UserError where there is none."""
    if (found := next((form for form in REDTEAM_FORMATS if form.name == name), None)) is None:
        raise UserError(f"unknown red-team format {name!r}", expected=" | ".join(_names()))
    return found


def _names() -> list[str]:
    return [form.name for form in REDTEAM_FORMATS]


def _attack(
    text: str,
    style: Style = "direct",
    expected: Behaviour = "decline",
    *,
    family: str = "",
    names: Iterable[str] = (),
    goal: str | None = None,
    set: str = "",
    **more: Any,
) -> Attack:
    """``goal`` None: a direct request is its own goal."""
    names = tuple(name for name in names if name)
    found, unmapped = mapped(family, names)
    origin = {"set": set or family, "names": list(names), "unmapped": list(unmapped)}
    own_goal = text if style in ("direct", "benign") else ""
    messages = (Message("user", f"{_DOCUMENT}\n\n{text}" if style == "indirect_injection" else text),)
    return Attack(messages, style, expected, found, own_goal if goal is None else goal, origin=origin, **more)


def _text(row: JsonRow, *fields: str) -> str:
    field = next((name for name in fields if name in row), fields[0])
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise UserError("must be text and not empty", field=field)
    return value


def _optional(row: JsonRow, field: str) -> str:
    value = row.get(field) or ""
    if not isinstance(value, str):
        raise UserError("must be text", field=field)
    return value


def _has(*fields: str) -> Callable[[JsonRow], bool]:
    return lambda row: all(field in row for field in fields)


def _harmbench(row: JsonRow) -> Attack:
    context, behaviour = _optional(row, "ContextString"), _text(row, "Behavior")
    text = f"{context}\n\n{behaviour}" if context else behaviour
    names = [_optional(row, "SemanticCategory")]
    return _attack(text, family="harmbench", names=names, goal=behaviour)


def _jailbreakbench(row: JsonRow) -> Attack | str:
    """The behaviours (a goal each, harmful or benign) and the attack artifacts (a prompt that is after a goal)."""
    low = {str(key).lower(): value for key, value in row.items()}
    names, goal = [_optional(low, "category")], _text(low, "goal")
    if "prompt" not in low:
        return _attack(goal, family="jailbreakbench", names=names, bad=_optional(low, "target"))
    if not low["prompt"]:
        return "the artifact has no prompt: the attack gave none"
    style: Style = "optimised" if str(low.get("method", "")).upper() == "GCG" else "roleplay"
    return _attack(_text(low, "prompt"), style, family="jailbreakbench", names=names, goal=goal)


def _advbench(row: JsonRow) -> Attack:
    return _attack(_text(row, "goal"), family="advbench", bad=_optional(row, "target"))


def _strongreject(row: JsonRow) -> Attack:
    names = [_optional(row, "category")]
    return _attack(_text(row, "forbidden_prompt"), family="strongreject", names=names)


def _xstest(row: JsonRow) -> Attack:
    kind, safe = _text(row, "type"), not _text(row, "type").startswith("contrast_")
    if "label" in row:
        if row["label"] not in ("safe", "unsafe"):
            raise UserError(f"unknown label {row['label']!r}", field="label", expected="safe | unsafe")
        safe = row["label"] == "safe"
    text = _text(row, "prompt")
    if safe:
        return _attack(text, "benign", "comply", set="xstest")
    return _attack(text, family="xstest", names=[kind])


def _refusal(row: JsonRow) -> Attack:
    """Prompts labelled refuse or comply, with a category of the set that ``meta`` names."""
    meta = row.get("meta") if isinstance(row.get("meta"), Mapping) else {}
    source = str((meta or {}).get("source") or "columns")
    benign = row["expected"] == "comply"
    names = [] if benign else [_optional(row, "category")]
    style: Style = "benign" if benign else "direct"
    return _attack(_text(row, "prompt"), style, "comply" if benign else "decline", family=source, names=names)


def _promptfoo(row: JsonRow) -> Attack | str:
    variables, about = row["vars"], row.get("metadata") or {}
    if not isinstance(variables, Mapping) or not isinstance(about, Mapping):
        raise UserError("vars and metadata must be objects", field="vars")
    value = next((variables[name] for name in ("prompt", "query", "input", "question") if name in variables), None)
    if value is None and len(variables) == 1:
        value = next(iter(variables.values()))
    if not isinstance(value, str) or not value.strip():
        raise UserError("no prompt among the variables", field="vars", expected="prompt, query, input or question")
    style = _STRATEGIES.get(str(about.get("strategyId") or "basic").split(":")[0], "roleplay")
    goal = str(about.get("goal") or (value if style == "direct" else ""))
    return _attack(value, style, family="promptfoo", names=[str(about.get("pluginId") or "")], goal=goal)


def _pyrit(row: JsonRow) -> Attack | str:
    if row.get("data_type", "text") != "text":
        return f"a seed of data type {row['data_type']}: only text can be asked here"
    value = _text(row, "value", "prompt")
    names = row.get("harm_categories") or ()
    if not isinstance(names, list | tuple | str):
        raise UserError("must be a list of names", field="harm_categories")
    names = [names] if isinstance(names, str) else list(map(str, names))
    template = bool(row.get("parameters")) or "{{" in value
    source = str(row.get("dataset_name") or row.get("name") or "pyrit")
    return _attack(value, "roleplay" if template else "direct", family="pyrit", names=names, set=source)


def _injection(row: JsonRow) -> Attack:
    """Texts labelled as injections or benign, in the user's turn or in what a tool returned."""
    label, kind = str(row["label"]).lower(), _optional(row, "category")
    if label not in ("benign", "injection", "malicious", "1", "0"):
        raise UserError(f"unknown label {row['label']!r}", field="label", expected="benign | injection | malicious")
    meta = row.get("meta") if isinstance(row.get("meta"), Mapping) else {}
    source = str((meta or {}).get("source") or str(row.get("_id", "")).split(":")[0] or "injection")
    if label in ("benign", "0"):
        return _attack(_text(row, "text"), "benign", "comply", set=source)
    if row.get("channel") not in (None, "", "user_input"):
        return _attack(_text(row, "text"), "indirect_injection", "safe_complete", **_after(row, kind, source))
    tactic = _optional(row, "tactic") or str((meta or {}).get("tactic") or "")
    encoded = kind in ("obfuscation", "encoding") or tactic.startswith("enc")
    style: Style = "encoding" if encoded else "roleplay" if kind == "jailbreak_persona" else "injection"
    return _attack(_text(row, "text"), style, **_after(row, kind, source))


def _after(row: JsonRow, kind: str, source: str) -> dict[str, Any]:
    return {"family": "injection", "names": [kind], "goal": _optional(row, "intent"), "set": source}


def _bipia(row: JsonRow) -> Attack:
    """An instruction to plant in a text: what a tool returns must not be obeyed."""
    names = [_optional(row, "category")]
    return _attack(
        _text(row, "text"), "indirect_injection", "safe_complete", family="injection", names=names, set="bipia"
    )


def _agentdojo(row: JsonRow) -> Attack | str:
    if row["kind"] != "injection":
        return "a user's task, no attack"
    return _attack(_text(row, "text"), "indirect_injection", "safe_complete", set="agentdojo")


def _toxicchat(row: JsonRow) -> Attack | str:
    flags = {}
    for field in ("toxicity", "jailbreaking"):
        flags[field] = row.get(field)
        if str(flags[field]) not in ("0", "1", "0.0", "1.0", "True", "False"):
            raise UserError(f"unknown flag {row.get(field)!r}", field=field, expected="0 | 1")
    text, on = _text(row, "user_input"), ("1", "1.0", "True")
    if str(flags["jailbreaking"]) in on:
        return _attack(text, "roleplay", set="toxicchat")
    if str(flags["toxicity"]) in on:
        return _attack(text, set="toxicchat")
    return _attack(text, "benign", "comply", set="toxicchat", answer=_optional(row, "model_output"))


def _in_the_wild(row: JsonRow) -> Attack:
    return _attack(_text(row, "text"), "roleplay", set="inthewild_jailbreaks")


def _columns(row: JsonRow) -> Attack:
    """A table of prompts, each with its category: everything in it is taken for an attack."""
    names = [_optional(row, name) for name in ("category", "harm_category") if name in row]
    answer = _optional(row, "answer") if "answer" in row else ""
    field = next(name for name in _PROMPTS if name in row)
    return _attack(_text(row, field), family="columns", names=names, answer=answer)


_PROMPTS = ("prompt", "attack", "jailbreak", "instruction", "question")
_STRATEGIES: Mapping[str, Style] = {
    "basic": "direct",
    "base64": "encoding",
    "hex": "encoding",
    "rot13": "encoding",
    "leetspeak": "encoding",
    "morse": "encoding",
    "piglatin": "encoding",
    "homoglyph": "encoding",
    "ascii-smuggling": "encoding",
    "prompt-injection": "injection",
    "indirect-web-pwn": "indirect_injection",
    "gcg": "optimised",
    "best-of-n": "optimised",
    "crescendo": "multi_turn",
    "goat": "multi_turn",
}


def _is_jailbreakbench(row: JsonRow) -> bool:
    low = {str(key).lower() for key in row}
    return "goal" in low and bool(low & {"behavior", "method", "jailbroken"})


def _is_table(row: JsonRow) -> bool:
    """A prompt alone could be anything; with a category beside it, somebody sorted attacks."""
    return any(name in row for name in _PROMPTS) and bool({"category", "harm_category"} & set(row))


REDTEAM_FORMATS: tuple[RedTeamFormat, ...] = (
    RedTeamFormat("native", "our own rows", _has("messages", "style", "expected"), attack_from_json),
    RedTeamFormat("harmbench", "HarmBench behaviours", _has("Behavior", "BehaviorID"), _harmbench),
    RedTeamFormat("jailbreakbench", "JailbreakBench goals or artifacts", _is_jailbreakbench, _jailbreakbench),
    RedTeamFormat("advbench", "AdvBench goals and targets", _has("goal"), _advbench),
    RedTeamFormat("strongreject", "StrongREJECT prompts", _has("forbidden_prompt"), _strongreject),
    RedTeamFormat("xstest", "XSTest prompts, safe and unsafe", _has("prompt", "type"), _xstest),
    RedTeamFormat("refusal", "prompts to refuse or to answer", _has("prompt", "expected"), _refusal),
    RedTeamFormat("promptfoo", "promptfoo red-team tests", _has("vars"), _promptfoo),
    RedTeamFormat("pyrit", "PyRIT seeds", lambda row: "value" in row or "harm_categories" in row, _pyrit),
    RedTeamFormat("toxicchat", "ToxicChat turns", _has("user_input", "toxicity"), _toxicchat),
    RedTeamFormat("agentdojo", "AgentDojo tasks", _has("suite", "kind", "text"), _agentdojo),
    RedTeamFormat("injection", "labelled injections", _has("text", "label"), _injection),
    RedTeamFormat("bipia", "BIPIA attacks", _has("text", "category"), _bipia),
    RedTeamFormat("inthewild", "jailbreak texts from the wild", _has("text"), _in_the_wild),
    RedTeamFormat("columns", "a table of prompts with a category", _is_table, _columns),
)
