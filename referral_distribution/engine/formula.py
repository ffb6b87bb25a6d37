"""Formulas a manager types: arithmetic over documented names, and nothing else.

>>> from decimal import Decimal as D
>>> known = {"amount": D(120000), "phase": D(1)}
>>> evaluate("amount * 0.5 / 100", known)
Decimal('600.0')
>>> evaluate("min(amount / 100, 1000) if phase == 1 else 0", known)
Decimal('1000')

What is no arithmetic is refused before anything of it runs (threat P8):

>>> for text in ("__import__('os')", "amount.real", "[1 for x in y]", "lambda: 1",
...              "10 ** 10 ** 10", "secret", "(x := 1)", "'a' * 9", "import os",
...              "1 if amount else 0", "amount > 5", "1e400", "amount ** 9999"):
...     try:
...         check(text, known)
...     except FormulaError as error:
...         print(error.reason, error.detail)
call __import__
element amount.real
element [1 for x in y]
element lambda: 1
power 10 ** 10 ** 10
name secret
element x := 1
number 'a'
syntax 1
condition amount
condition amount > 5
large 1e400
power amount ** 9999
"""

import ast
from collections.abc import Collection, Mapping
from decimal import (
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)

MAX_LENGTH = 500
MAX_DEPTH = 50
MAX_POWER = 4
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)
LIMIT = Decimal(10) ** 15  # what no amount, nor a step on the way to one, reaches

_CONTEXT = Context(prec=34, traps=[DivisionByZero, InvalidOperation, Overflow])
_BINARY = {
    ast.Add: _CONTEXT.add,
    ast.Sub: _CONTEXT.subtract,
    ast.Mult: _CONTEXT.multiply,
    ast.Div: _CONTEXT.divide,
}
_COMPARE = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
# name: (function, fewest arguments, most arguments)
_CALLS = {
    "min": (min, 2, 20),
    "max": (max, 2, 20),
    "abs": (abs, 1, 1),
    "round": (lambda a, places=Decimal(0): _round(a, places), 1, 2),
}
FUNCTIONS = tuple(_CALLS)


class FormulaError(ValueError):
    """Why a formula is refused: ``reason`` in one of a few words, ``detail`` where.

    Reasons: empty, length, depth, syntax, element, name, call, number, power, zero,
    large, condition; "rests" of what cannot be told without one that failed, and
    "unclear" of a rule whose further condition does not work any more.
    """

    def __init__(self, reason, detail=""):
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, str(detail)


def check(text: str, names: Collection[str]) -> ast.expr:
    """Return the formula's tree if it is arithmetic over ``names``.

    :raises FormulaError: it is not; nothing of it was run.
    """
    if not text or not text.strip():
        raise FormulaError("empty")
    if len(text) > MAX_LENGTH:
        raise FormulaError("length", MAX_LENGTH)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise FormulaError("syntax", error.lineno or 1) from None
    except (ValueError, RecursionError, MemoryError):
        raise FormulaError("syntax", 1) from None
    _check_node(tree, text.strip(), names, MAX_DEPTH)
    return tree


def evaluate(text: str, values: Mapping[str, Decimal]) -> Decimal:
    """Return what the formula gives for ``values``.

    :raises FormulaError: it is refused, divides by zero, or grows beyond all amounts.
    """
    tree = check(text, values)
    try:
        return _number(tree, values)
    except (DivisionByZero, InvalidOperation):
        raise FormulaError("zero", text.strip()) from None


def try_out(text: str, names: Collection[str]) -> None:
    """Try the formula on some figures, all different in the end.

    :raises FormulaError: it is refused, or divides by zero with all of them.

    >>> try_out("amount / (phase - 1)", ["amount", "phase"])
    >>> try:
    ...     try_out("amount / (phase - phase)", ["amount", "phase"])
    ... except FormulaError as error:
    ...     print(error)
    zero: amount / (phase - phase)
    """
    ones = dict.fromkeys(names, Decimal(1))
    primes = dict(zip(sorted(names), map(Decimal, PRIMES), strict=False))
    try:
        evaluate(text, ones)
    except FormulaError as error:
        if error.reason != "zero":
            raise
        evaluate(text, ones | primes)


def _check_node(node, text, names, depth, truth=False):
    """Refuse ``node`` unless it and all below it are on the list.

    :param truth: whether a condition is asked for here, and not a number.
    """
    shown = ast.get_source_segment(text, node) or text
    if depth <= 0:
        raise FormulaError("depth", MAX_DEPTH)
    numbers, truths = _get_children(node, shown, names)
    if _is_truth(node) != truth:
        raise FormulaError("condition", shown)
    for child in numbers:
        _check_node(child, text, names, depth - 1)
    for child in truths:
        _check_node(child, text, names, depth - 1, truth=True)


def _is_truth(node):
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return negated or isinstance(node, (ast.Compare, ast.BoolOp))


def _get_children(node, shown, names):
    """Return the parts of an allowed node: those that are numbers, and conditions."""
    if isinstance(node, ast.Constant):
        _check_number(node.value, shown)
        return (), ()
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise FormulaError("name", node.id)
        return (), ()
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return (), (node.operand,)
    if isinstance(node, ast.UnaryOp) and type(node.op) in (ast.USub, ast.UAdd):
        return (node.operand,), ()
    if isinstance(node, ast.BinOp):
        return _get_operands(node, shown), ()
    if isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        return (node.left, *node.comparators), ()
    if isinstance(node, ast.BoolOp):
        return (), node.values
    if isinstance(node, ast.IfExp):
        return (node.body, node.orelse), (node.test,)
    if isinstance(node, ast.Call):
        return _get_arguments(node, shown), ()
    raise FormulaError("element", shown)


def _get_operands(node, shown):
    if type(node.op) in _BINARY:
        return (node.left, node.right)
    if not isinstance(node.op, ast.Pow):
        raise FormulaError("element", shown)
    power = node.right
    small = isinstance(power, ast.Constant) and type(power.value) is int
    if not small or not 0 <= power.value <= MAX_POWER:
        raise FormulaError("power", shown)
    return (node.left,)


def _get_arguments(node, shown):
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if name not in _CALLS:
        raise FormulaError("call", name or shown)
    _function, fewest, most = _CALLS[name]
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    if node.keywords or starred or not fewest <= len(node.args) <= most:
        raise FormulaError("call", shown)
    return node.args


def _check_number(value, shown):
    if type(value) not in (int, float):
        raise FormulaError("number", shown)
    if not abs(Decimal(repr(value))) < LIMIT:
        raise FormulaError("large", shown)


def _round(number, places):
    if places not in range(7):
        raise FormulaError("number", places)
    step = Decimal(1).scaleb(-int(places))
    return number.quantize(step, rounding=ROUND_HALF_UP, context=_CONTEXT)


def _number(node, values):
    """Return a node's value; every step stays below what an amount may be."""
    result = _get_value(node, values)
    if abs(result) >= LIMIT:
        raise FormulaError("large", f"{result:.3e}")
    return result


def _get_value(node, values):
    if isinstance(node, ast.Constant):
        return Decimal(repr(node.value))  # as it was typed: 0.1 is a tenth
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.UnaryOp):
        number = _number(node.operand, values)
        return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.BinOp):
        left = _number(node.left, values)
        if isinstance(node.op, ast.Pow):
            return _get_power(left, node.right.value)
        return _BINARY[type(node.op)](left, _number(node.right, values))
    if isinstance(node, ast.IfExp):
        chosen = node.body if _truth(node.test, values) else node.orelse
        return _number(chosen, values)
    function = _CALLS[node.func.id][0]
    return function(*(_number(argument, values) for argument in node.args))


def _get_power(number, power):
    result = Decimal(1)
    for _step in range(power):
        result = _CONTEXT.multiply(result, number)
    return result


def _truth(node, values):
    if isinstance(node, ast.BoolOp):
        joined = all if isinstance(node.op, ast.And) else any
        return joined(_truth(value, values) for value in node.values)
    if isinstance(node, ast.UnaryOp):
        return not _truth(node.operand, values)
    sides = [_number(side, values) for side in (node.left, *node.comparators)]
    return all(
        _COMPARE[type(op)](left, right)
        for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
    )
