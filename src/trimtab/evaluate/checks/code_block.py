"""The function in an answer: out of its fence, or out of the prose around it."""

import re

_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_CODE = re.compile(r"^(?:def|class|import|from|async def|@|if|for|while|with|try|[A-Za-z_]\w*\s*(?:=|\[|\())")
_TOP = re.compile(r"^(?:def |class |import |from \w|async def |@\w)")
_LONGEST = 20_000


def code_of(answer: str, entry: str) -> str:
    """The code that defines ``entry``; empty where no code does.

    Of several fenced blocks the first that defines it, with those before it; else the lines of bare code from the
    first definition or import on, up to the prose after it. Nothing is parsed or run here.
    """
    text = answer[:_LONGEST].replace("\r\n", "\n").expandtabs(4)
    defines = re.compile(rf"^[ \t]*(?:async )?def {re.escape(entry)}\s*\(|^[ \t]*{re.escape(entry)}\s*=", re.MULTILINE)
    blocks = [_flush(block) for block in _FENCE.findall(text)]
    for i, block in enumerate(blocks):
        if defines.search(block):
            return "\n".join([*(one for one in blocks[:i] if _TOP.match(one)), block])
    bare = _bare(text)
    return bare if defines.search(bare) else ""


def _bare(text: str) -> str:
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if _TOP.match(line)), None)
    if start is None:
        return ""
    kept = []
    for line in lines[start:]:
        if line.strip() == "```" or not _continues(line):
            break
        kept.append(line)
    return "\n".join(kept).rstrip()


def _continues(line: str) -> bool:
    """Whether a line belongs to code that has begun: empty, indented, a comment, a closing bracket or a statement."""
    return not line.strip() or line[0] in " #)]}" or _CODE.match(line) is not None


def _flush(block: str) -> str:
    """A block moved to the left as a whole, as one in a list is not."""
    lines = block.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines)
