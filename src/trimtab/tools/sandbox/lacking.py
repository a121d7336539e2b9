"""Whether an error is the sandbox's lack rather than the code's fault: what it misses is there in Python."""

import builtins
import re
import sys

_OWN = re.compile(r"^NotImplementedError: The monty syntax parser|is not supported in this environment$")
_MODULE = re.compile(r"^ModuleNotFoundError: No module named '(\w+)[\w.]*'")
_MEMBER = re.compile(r"^ImportError: cannot import name '\w+' from '(\w+)")
_ATTRIBUTE = re.compile(r"^AttributeError: (?:type object )?'([\w.]+)'(?: object)? has no attribute '(\w+)'")
_OF_MODULE = re.compile(r"^AttributeError: module '(\w+)' has no attribute '(\w+)'")
_NAME = re.compile(r"^NameError: name '(\w+)' is not defined")
_FORBIDDEN = frozenset({"__class__", "__subclasses__", "__globals__", "__builtins__", "__code__", "__import__"})
_OUTSIDE = frozenset({"socket", "subprocess", "ctypes", "multiprocessing", "threading", "urllib", "http", "shutil"})
"""What a sandbox must never have: code that reaches for it fails by its own doing."""


def lacking(error: str) -> bool:
    """Whether a message of the sandbox (``Kind: text``) names something that the standard library or a builtin has."""
    if _OWN.search(error):
        return True
    if match := _MODULE.search(error) or _MEMBER.search(error):
        return match[1] in sys.stdlib_module_names and match[1] not in _OUTSIDE
    if match := _NAME.search(error):
        return match[1] not in _FORBIDDEN and hasattr(builtins, match[1])
    if match := _ATTRIBUTE.search(error):
        return match[2] not in _FORBIDDEN and hasattr(_type(match[1]), match[2])
    if match := _OF_MODULE.search(error):
        return match[1] != "os" and hasattr(sys.modules.get(match[1]), match[2])
    return False


def _type(name: str) -> object:
    """The builtin or standard type that an error calls by ``name`` (``str``, ``collections.deque``, ``Counter``)."""
    module, _, bare = name.rpartition(".")
    return getattr(builtins, bare, None) or getattr(sys.modules.get(module or "collections"), bare, None)
