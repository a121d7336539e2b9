"""A calculator for models: exact fractions, a grammar of its own, and a bound on every number before it is made."""

import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Any, NoReturn

from trimtab.records import ToolSchema
from trimtab.tools.toolbox import Tool, ToolContext, ToolError, make_schema

_LENGTH, _DEPTH, _BITS, _PLACES = 300, 40, 512, 20
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3}(?!\d))?)"
    r"|(?P<name>[A-Za-z]+)|(?P<operator>\*\*|//|[-+*/%^(),])|(?P<end>$))"
)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_SIGNS = str.maketrans({"×": "*", "÷": "/", "−": "-", "–": "-", "$": None, "€": None, "£": None})
_EXACT, _SHORT = Context(prec=40), Context(prec=12)

_SCHEMA = make_schema(
    "calculator",
    "Work out an arithmetic expression.",
    {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
)


def calculator_tool(schema: ToolSchema = _SCHEMA) -> Tool:
    """A tool with one argument, ``expression``; its result is a plain number such as ``12.5``."""

    def run(arguments: Mapping[str, Any], context: ToolContext) -> str:
        return calculate(str(arguments["expression"]))

    return Tool(schema, run, settings={"kind": "calculator"})


def calculate(expression: str) -> str:
    """The value as plain digits: exact where it ends within 40 digits, else 12 significant ones.

    Knows ``+ - * / // % ** ^``, brackets, ``round(x, places)`` (halves away from zero), ``abs`` and ``15%`` (a ``%``
    that touches its number and has no operand after it, or a space and a sign). Raises ToolError.
    """
    return _plain(evaluate(expression))


def evaluate(expression: str) -> Fraction:
    """The exact value. Raises ToolError: ``invalid_argument``, ``division_by_zero`` or ``too_large``."""
    if len(expression) > _LENGTH:
        raise ToolError("too_large", f"an expression may have {_LENGTH} characters")
    text = expression.translate(_SIGNS)
    if not re.search(r"[A-Za-z]", text):  # a comma between a function's arguments is no separator of thousands
        text = _THOUSANDS.sub(lambda match: match.group().replace(",", ""), text)
    return _Parser(text).whole()


class _Parser:
    """Recursive descent with Python's precedence; ``depth`` bounds its recursion."""

    def __init__(self, text: str) -> None:
        self.text, self.position, self.depth = text, 0, 0
        self.kind, self.token, self.start = "end", "", 0
        self.advance()

    def advance(self) -> str:
        taken = self.token
        match = _TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            self.fail(self.text[self.position :].strip()[:10])
        self.kind, self.token = match.lastgroup, match.group(match.lastgroup)
        self.start, self.position = match.start(match.lastgroup), match.end()
        return taken

    def fail(self, at: str) -> NoReturn:
        raise ToolError("invalid_argument", f"cannot read the expression at {at or 'its end'!r}")

    def whole(self) -> Fraction:
        value = self.sum()
        if self.kind != "end":
            self.fail(self.token)
        return value

    def sum(self) -> Fraction:
        value = self.product()
        while self.token in ("+", "-"):
            operator, other = self.advance(), self.product()
            value = _bounded(value + other if operator == "+" else value - other)
        return value

    def product(self) -> Fraction:
        value = self.signed()
        while self.token in ("*", "/", "//", "%"):
            operator, other = self.advance(), self.signed()
            value = _multiply(operator, value, other)
        return value

    def signed(self) -> Fraction:
        if self.token not in ("+", "-"):
            return self.power()
        operator = self.advance()
        self.deeper()
        value = self.signed()
        self.depth -= 1
        return -value if operator == "-" else value

    def power(self) -> Fraction:
        base = self.percent()
        if self.token not in ("**", "^"):
            return base
        self.advance()
        self.deeper()
        exponent = self.signed()  # binds tighter than a sign before the base, and to the right
        self.depth -= 1
        return _power(base, exponent)

    def percent(self) -> Fraction:
        value = self.atom()
        while self.token == "%" and self.is_percent():
            self.advance()
            value /= 100
        return value

    def is_percent(self) -> bool:
        after = self.text[self.position :]
        if re.match(r"\s*(?:$|[*/^),%])", after):
            return True
        touches = not self.text[self.start - 1 : self.start].isspace()
        return touches and re.match(r"\s+[-+]", after) is not None

    def atom(self) -> Fraction:
        if self.kind == "number":
            return _bounded(Fraction(self.advance()))
        if self.kind == "name":
            return self.function(self.advance().lower())
        if self.token != "(":
            self.fail(self.token)
        return self.bracketed()[0]

    def bracketed(self, most: int = 1) -> list[Fraction]:
        self.expect("(")
        self.deeper()
        values = [self.sum()]
        while len(values) < most and self.token == ",":
            self.advance()
            values.append(self.sum())
        self.depth -= 1
        self.expect(")")
        return values

    def function(self, name: str) -> Fraction:
        if name == "abs":
            return abs(self.bracketed()[0])
        if name == "round":
            return _round(*self.bracketed(2))
        raise ToolError("invalid_argument", f"unknown name {name!r}; the functions are round and abs")

    def expect(self, token: str) -> None:
        if self.token != token:
            self.fail(self.token)
        self.advance()

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEPTH:
            raise ToolError("too_large", f"brackets and signs may nest {_DEPTH} deep")


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _BITS:
        raise ToolError("too_large", f"numbers may have {_BITS} bits")
    return value


def _multiply(operator: str, value: Fraction, other: Fraction) -> Fraction:
    if operator == "*":
        return _bounded(value * other)
    if other == 0:
        raise ToolError("division_by_zero", "the expression divides by zero")
    if operator == "/":
        return _bounded(value / other)
    return _bounded(Fraction(value // other) if operator == "//" else value % other)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    """Bounded before it is worked out: bits(base) * |exponent| is what the result would take."""
    if base == 0 and exponent < 0:
        raise ToolError("division_by_zero", "the expression divides by zero")
    if exponent.denominator != 1:
        return _root(base, exponent)
    if base in (0, 1):
        return Fraction(1) if exponent == 0 else base
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent) > 2 * _BITS:
        raise ToolError("too_large", f"numbers may have {_BITS} bits")
    return _bounded(base ** int(exponent))


def _root(base: Fraction, exponent: Fraction) -> Fraction:
    if base < 0:
        raise ToolError("invalid_argument", "a negative number has no such root")
    try:
        return _bounded(Fraction(math.pow(base, exponent)))
    except OverflowError:
        raise ToolError("too_large", "the power is too large") from None


def _round(value: Fraction, places: Fraction = Fraction(0)) -> Fraction:
    if places.denominator != 1 or abs(places) > _PLACES:
        raise ToolError("invalid_argument", f"round takes at most {_PLACES} whole places")
    scale = Fraction(10) ** int(places)
    whole = math.floor(abs(value) * scale + Fraction(1, 2))
    return _bounded(Fraction(whole if value >= 0 else -whole) / scale)


def _plain(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    context = _EXACT.copy()
    number = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    if context.flags[Inexact]:
        number = _SHORT.divide(Decimal(value.numerator), Decimal(value.denominator))
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
