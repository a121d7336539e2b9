"""English that every machine has: the sentences of the standard library's docstrings, in a fixed order."""

import ast
import random
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_WORDS = range(6, 41)


def sentences(seed: int = 0) -> list[str]:
    """Distinct sentences of 6 to 40 words from the running Python's own library, shuffled by ``seed``."""
    ordered = list(_found())
    random.Random(seed).shuffle(ordered)
    return ordered


@cache
def _found() -> tuple[str, ...]:
    """The sentences of the library's single-file modules, sorted."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    return tuple(sorted({sentence for file in files for text in _docstrings(file) for sentence in _plain(text)}))


def _docstrings(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield ast.get_docstring(node) or ""


def _plain(text: str) -> Iterator[str]:
    """Sentences of running text: no examples, tables or signatures."""
    for sentence in _SENTENCE.split(" ".join(text.split())):
        if len(sentence.split()) in _WORDS and re.fullmatch(r"[A-Z][\w ,;:'\"()/-]*[.!?]", sentence):
            yield sentence
