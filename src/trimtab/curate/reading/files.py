"""Which files a path, a folder or a glob names."""

from pathlib import Path

from trimtab.records import UserError

JSONL = frozenset({".jsonl", ".ndjson"})
COMMAS = {".csv": ",", ".tsv": "\t"}
_KNOWN = JSONL | set(COMMAS) | {".json", ".parquet"}


def ending(path: Path) -> str:
    """What kind of file the name says it is: ``a.jsonl.gz`` is ``.jsonl``."""
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def is_known(path: Path) -> bool:
    """Whether rows can be read from a file of this name."""
    return ending(path) in _KNOWN and not path.name.lower().endswith(".parquet.gz")


def find_files(pattern: str, root: Path) -> list[Path]:
    """``local_files``, at least one. Raises UserError when there are none."""
    if found := local_files(pattern, root):
        return found
    if (root / pattern).is_dir():
        raise UserError("the folder holds no file of rows", file=pattern, expected=", ".join(sorted(_KNOWN)))
    raise UserError("no such file", file=pattern, fix="Check the path; it is relative to the workspace")


def local_files(pattern: str, root: Path) -> list[Path]:
    """The files of a path, of a folder and all below it (known endings, nothing hidden) or of a glob, in order."""
    path = root / pattern
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and is_known(file) and _open(file, path))
    base = Path(path.anchor)
    return sorted(file for file in base.glob(str(path.relative_to(base))) if file.is_file())


def refuse_as_target(source: str, target: Path) -> None:
    """Raises UserError where ``target`` is itself one of the files that ``source`` names: it would be read again."""
    if any(file.resolve() == target.resolve() for file in local_files(source, Path())):
        raise UserError("the file to write is one of those to read", file=target, fix="Write it somewhere else")


def _open(file: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)
