"""The policy document: prose that people read, numbered rules that guards quote, and what enforces each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from trimtab.records import UserError, digest

_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)\s*([\w-]*)")
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_RULE = re.compile(r"^([A-Z]{1,4}\d{1,4})[.:]?\s+(\S.*)$")


@dataclass(frozen=True)
class Rule:
    """``enforce``: the rule's yaml block (``{}`` where the model alone keeps it); ``line``: where the rule begins."""

    id: str
    title: str
    text: str
    enforce: Mapping[str, Any] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True)
class Policy:
    """``text`` is the whole document; the digest covers it, so that no word changes unseen."""

    version: str
    rules: tuple[Rule, ...]
    text: str
    file: Path | None = None

    @property
    def digest(self) -> str:
        return digest({"policy": self.text})

    def rule(self, id: str) -> Rule:
        """Raises UserError where there is none."""
        for rule in self.rules:
            if rule.id == id:
                return rule
        raise UserError(f"the policy has no rule {id!r}", file=self.file)


def load_policy(path: Path) -> Policy:
    """A policy file. Raises UserError with file and line."""
    if not path.is_file():
        raise UserError("no such file", file=path, expected="the policy in Markdown")
    try:
        return parse_policy(path.read_text("utf-8"), path)
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8", file=path) from error
    except UserError as error:
        raise error.at(file=path) from error


def parse_policy(text: str, file: Path | None = None) -> Policy:
    """A front matter with ``version:``, then rules: ``### R1 Title``, prose, perhaps a yaml block with ``guard:``.

    Raises UserError with the line: a heading of level 3 that is no rule, a block without a guard, an id used twice.
    """
    lines = text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n")
    version, start = _version(lines)
    rules: dict[str, Rule] = {}
    for rule in _rules(lines, start):
        if rule.id in rules:
            raise UserError(f"a second rule {rule.id}", line=rule.line)
        rules[rule.id] = rule
    if not rules:
        raise UserError("the policy has no rules", expected="### R1 Title")
    return Policy(version, tuple(rules.values()), "\n".join(lines), file)


def _version(lines: list[str]) -> tuple[str, int]:
    """The version and the index of the first line after the front matter."""
    if lines[0].strip() != "---" or "---" not in [line.strip() for line in lines[1:]]:
        raise UserError("no front matter", line=1, expected="---, version:, ---")
    end = next(i for i in range(1, len(lines)) if lines[i].strip() == "---")
    head = _yaml("\n".join(lines[1:end]), 2)
    if not isinstance(head, Mapping) or not head.get("version"):
        raise UserError("the front matter names no version", line=1, expected="version: 1.0.0")
    return str(head["version"]), end + 1


@dataclass
class _Open:
    """A rule being read."""

    id: str
    title: str
    line: int
    prose: list[str] = field(default_factory=list)
    enforce: Mapping[str, Any] = field(default_factory=dict)

    def close(self) -> Rule:
        return Rule(self.id, self.title, "\n".join(self.prose).strip(), self.enforce, self.line)


def _rules(lines: list[str], start: int) -> Iterator[Rule]:
    rule: _Open | None = None
    i = start
    while i < len(lines):
        if fence := _FENCE.match(lines[i]):
            end = _fence_end(lines, i, fence.group(1))
            if fence.group(2).lower() in ("yaml", "yml"):
                _enforce(rule, "\n".join(lines[i + 1 : end]), i + 1)
            elif rule is not None:
                rule.prose.extend(lines[i : end + 1])
            i = end + 1
            continue
        heading = _HEADING.match(lines[i])
        if heading is not None and len(heading.group(1)) <= 3:
            if rule is not None:
                yield rule.close()
            rule = _opened(heading.group(2), i + 1) if len(heading.group(1)) == 3 else None
        elif rule is not None:
            rule.prose.append(lines[i])
        i += 1
    if rule is not None:
        yield rule.close()


def _opened(heading: str, line: int) -> _Open:
    match = _RULE.match(heading)
    if match is None:
        raise UserError(f"{heading!r} is no rule", line=line, expected="### R1 Title")
    return _Open(match.group(1), match.group(2), line)


def _fence_end(lines: list[str], start: int, mark: str) -> int:
    for i in range(start + 1, len(lines)):
        bare = lines[i].strip()
        if bare.startswith(mark) and not bare.strip(mark[0]):
            return i
    raise UserError("the block is never closed", line=start + 1, expected=mark)


def _enforce(rule: _Open | None, text: str, line: int) -> None:
    block = _yaml(text, line + 1)
    if rule is None:
        raise UserError("the yaml block belongs to no rule", line=line)
    if rule.enforce:
        raise UserError(f"rule {rule.id} has a second yaml block", line=line, expected="one guard a rule")
    if not isinstance(block, Mapping) or not isinstance(block.get("guard"), str):
        raise UserError("the yaml block names no guard", line=line, expected="guard: pii, for example")
    rule.enforce = {str(key): value for key, value in block.items()}


def _yaml(text: str, line: int) -> Any:
    """``line``: of the text's first line in the file."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError("no YAML", line=line + (mark.line if mark is not None else 0)) from error
