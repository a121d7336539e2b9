"""Arithmetic as a model writes it, evaluated without running anything: numbers, + − × ÷, powers, brackets."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping

_LONGEST = 500
_LARGEST_POWER = 64
_SIGNS = str.maketrans({"×": "*", "÷": "/", "−": "-", "–": "-"})
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_PERCENT = re.compile(r"(?<=\d)\s*%(?!\s*[\d(.])")
_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def evaluate(expression: str) -> float | None:
    """The value, or None for what is no arithmetic, has none, or is too large; never raises.

    ``1,000`` is a thousand, ``20%`` a fifth, ``^`` a power, a currency sign nothing.
    """
    plain = _THOUSANDS.sub("", expression.translate(_SIGNS)).replace("^", "**")
    plain = _PERCENT.sub("/100", re.sub(r"[$€£]", "", plain)).strip()
    if not plain or len(plain) > _LONGEST:
        return None
    try:
        value = float(_value(ast.parse(plain, mode="eval").body))
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None
    return value if math.isfinite(value) else None


def _value(node: ast.expr) -> float:
    """Floats throughout, so that nothing grows without bound."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        value = _value(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > _LARGEST_POWER or (left < 0 and right != int(right))):
            raise ValueError("a power out of bounds")
        return _BINARY[type(node.op)](left, right)
    raise ValueError(f"{type(node).__name__} is no arithmetic")
