"""IFEval's rows as cases: its instruction ids and arguments in our rules."""

from collections.abc import Callable, Mapping
from typing import Any

from trimtab.evaluate.checks.rules.language import LANGUAGES
from trimtab.records import Ask, Case, Expected, Message

Translate = Callable[[Mapping[str, Any]], dict[str, Any]]

_ASK = Ask(offer=(), max_tokens=1024)
"""Some prompts ask for 800 words."""
_VERDICTS = ["My answer is yes.", "My answer is no.", "My answer is maybe."]


def _count(rule: str, key: str, relation: str = "", **more: Any) -> Translate:
    def made(given: Mapping[str, Any]) -> dict[str, Any]:
        related = {"relation": given[relation]} if relation else {}
        return {"rule": rule, "count": given[key], **related, **more}

    return made


def _same(rule: str, **names: str) -> Translate:
    """``names``: our argument = IFEval's."""
    return lambda given: {"rule": rule, **{ours: given[theirs] for ours, theirs in names.items()}}


def _language(given: Mapping[str, Any]) -> dict[str, Any]:
    if given["language"] not in LANGUAGES:
        raise KeyError(given["language"])
    return {"rule": "language", "code": given["language"]}


INSTRUCTIONS: dict[str, Translate] = {
    "punctuation:no_comma": _same("no_comma"),
    "length_constraints:number_sentences": _count("sentences", "num_sentences", "relation"),
    "length_constraints:number_words": _count("words", "num_words", "relation"),
    "length_constraints:number_paragraphs": _count("paragraphs", "num_paragraphs", between="***"),
    "length_constraints:nth_paragraph_first_word": _same(
        "paragraph_first_word", count="num_paragraphs", number="nth_paragraph", word="first_word"
    ),
    "detectable_format:number_highlighted_sections": _count("highlights", "num_highlights"),
    "detectable_format:number_bullet_lists": _count("bullets", "num_bullets"),
    "detectable_format:title": _same("title"),
    "detectable_format:json_format": _same("json"),
    "detectable_format:multiple_sections": _same("sections", count="num_sections", mark="section_spliter"),
    "detectable_format:constrained_response": lambda given: {"rule": "one_of", "texts": _VERDICTS},
    "detectable_content:number_placeholders": _count("placeholders", "num_placeholders"),
    "detectable_content:postscript": _same("postscript", mark="postscript_marker"),
    "keywords:existence": _same("keywords", words="keywords"),
    "keywords:forbidden_words": _same("forbidden_words", words="forbidden_words"),
    "keywords:frequency": _same("keyword_count", word="keyword", count="frequency", relation="relation"),
    "keywords:letter_frequency": _same("letter_count", letter="letter", count="let_frequency", relation="let_relation"),
    "startend:quotation": _same("quoted"),
    "startend:end_checker": _same("ends_with", text="end_phrase"),
    "combination:repeat_prompt": _same("starts_with", text="prompt_to_repeat"),
    "combination:two_responses": _same("two_answers"),
    "change_case:english_capital": _same("uppercase"),
    "change_case:english_lowercase": _same("lowercase"),
    "change_case:capital_word_frequency": _same(
        "capital_words", count="capital_frequency", relation="capital_relation"
    ),
    "language:response_language": _language,
}


def ifeval(row: Mapping[str, Any]) -> Case | None:
    """None where one of the row's instructions has no rule here (a language that is not told)."""
    prompt, pairs = row["prompt"], zip(row["instruction_id_list"], row["kwargs"], strict=True)
    try:
        rules = [INSTRUCTIONS[name](given) for name, given in pairs]
    except KeyError:
        return None
    labels = {"battery": "ifeval", "difficulty": len(rules)}
    check = {"kind": "constraints", "constraints": rules}
    return Case((Message("user", prompt),), Expected("answer", check=check), ask=_ASK, labels=labels)
