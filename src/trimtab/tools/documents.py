"""Knowledge files: Markdown with an id and a title, in passages that an answer can cite."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trimtab.records import UserError
from trimtab.text import citations
from trimtab.tools.index import Passage

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_SECTION = re.compile(r"^##[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_FIELDS = ("id", "title", "url", "updated_at")


def load_documents(folder: Path) -> list[Passage]:
    """The passages of every ``*.md`` in the folder, by file name. Raises UserError with file and line."""
    files = sorted(folder.glob("*.md"))
    if not files:
        raise UserError("no knowledge files", file=folder, expected="*.md with id and title in a front matter")
    return [passage for file in files for passage in parse_document(file.read_text("utf-8"), file)]


def parse_document(text: str, file: Path | None = None) -> list[Passage]:
    """One passage, or one for each ``##`` section: ``id#1``, ``id#2``, the text before them under ``id``."""
    match = _FRONT.match(text.replace("\r\n", "\n").removeprefix("\ufeff"))
    if match is None:
        raise UserError("no front matter", file=file, line=1, expected="---, id: and title:, ---")
    head = _front_matter(match.group(1), file)
    body = match.string[match.end() :]
    pieces = _SECTION.split(body)
    passages = [_passage(head, head["id"], head["title"], pieces[0])] if pieces[0].strip() else []
    for number, (title, section) in enumerate(zip(pieces[1::2], pieces[2::2], strict=True), start=1):
        if section.strip():
            passages.append(_passage(head, f"{head['id']}#{number}", f"{head['title']}: {title}", section))
    if not passages:
        raise UserError("the document has no text", file=file)
    return passages


def _front_matter(text: str, file: Path | None) -> dict[str, str]:
    try:
        head = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 2
        raise UserError("the front matter is no YAML", file=file, line=line) from error
    if not isinstance(head, Mapping) or not head.get("id") or not head.get("title"):
        raise UserError("the front matter needs an id and a title", file=file, line=1)
    fields = {name: str(head[name]) for name in _FIELDS if head.get(name) is not None}
    if citations(f"[{fields['id']}]") != [fields["id"]]:
        raise UserError(
            f"the id {fields['id']!r} cannot be cited",
            file=file,
            field="id",
            expected="letters, digits and . : / # @ + - _, without spaces",
        )
    return fields


def _passage(head: Mapping[str, Any], id: str, title: str, text: str) -> Passage:
    return Passage(id, title, " ".join(text.split()), head.get("url", ""), head.get("updated_at", ""))
