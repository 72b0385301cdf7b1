"""The wrong ways to write one computation of a solution."""

import re
from fractions import Fraction

from prm_jax.data.gsm8k.solution import NUMBER, SYMBOLS, Equation, evaluate, value_of, written
from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.carries import lost_carries
from prm_jax.data.synthetic.family import ErrorKind, choose

KINDS = (
    ErrorKind.SLIP,
    ErrorKind.DROPPED_CARRY,
    ErrorKind.WRONG_OPERAND,
    ErrorKind.WRONG_OPERATION,
    ErrorKind.WRONG_ORDER,
    ErrorKind.COPIED_WRONG_VALUE,
)
OPERATOR = re.compile(r"[-–+*/x×]")


def wrong_ways(rng, kind: ErrorKind, equation: Equation, known) -> list[tuple]:
    """Ways to get a computation wrong.

    Args:
        rng: numpy generator.
        kind: one of `KINDS`.
        equation: the right computation.
        known: values of the problem and of earlier results, sorted.

    Returns:
        List of `(pieces, result)`, the left side and the result to write; either the result or
        an operand is wrong. Empty if the kind cannot happen here.
    """
    pieces, true = equation.pieces, value_of(equation.result)
    if kind in (ErrorKind.SLIP, ErrorKind.DROPPED_CARRY):
        offsets = _slips(rng, equation.result) if kind == ErrorKind.SLIP else _carries(equation)
        found = [(pieces, written(true + offset, equation.result)) for offset in offsets]
    else:
        lefts = {
            ErrorKind.WRONG_OPERAND: _other_operands,
            ErrorKind.WRONG_OPERATION: _other_operations,
            ErrorKind.WRONG_ORDER: _exchanged,
            ErrorKind.COPIED_WRONG_VALUE: _miscopied_operands,
        }[kind](rng, pieces, known)
        values = [(left, evaluate("".join(left))) for left in lefts]
        found = [
            (left, written(value, equation.result, longer=True))
            for left, value in values
            if value is not None and value != true
        ]
    return [way for way in found if way[1] is not None]


def _slips(rng, result):
    """Small offsets in the last place, or in the last one that is not zero."""
    unit = Fraction(1, 10 ** len(result.partition(".")[2]))
    zeros = len(result) - len(result.replace(",", "").rstrip("0")) if "." not in result else 0
    scale = unit * 10 ** choose(rng, (0, zeros))
    return [scale * n for n in rng.permutation((-10, -3, -2, -1, 1, 2, 3, 10))[:3].tolist()]


def _carries(equation):
    """What each forgotten carry or borrow would change, for two whole numbers."""
    numbers = NUMBER.findall(equation.left)
    symbol = _symbol(OPERATOR.findall(equation.left)[0])
    if len(numbers) != 2 or any("." in number for number in numbers) or symbol == "/":
        return []
    a, b = (int(value_of(number)) for number in numbers)
    return [Fraction(change) for change in lost_carries(a, symbol, b)]


def _other_operands(rng, pieces, known):
    """An operand replaced by another known number of as many digits."""
    place = _place(rng, pieces)
    here = value_of(pieces[place])
    texts = [written(value, pieces[place]) for value in known if value != here]
    fitting = [text for text in texts if text and len(text) == len(pieces[place])]
    return [_with(pieces, place, choose(rng, fitting)) for _ in range(2) if fitting]


def _other_operations(rng, pieces, known):
    """Another operation in one place; spaces and signs stay as the solution writes them."""
    places = [i for i in range(2, len(pieces) - 1, 2) if OPERATOR.search(pieces[i])]
    place = choose(rng, places)
    now = OPERATOR.findall(pieces[place])[0]
    others = [symbol for symbol in "+-*/" if symbol != _symbol(now)]
    return [_with(pieces, place, pieces[place].replace(now, symbol)) for symbol in others]


def _exchanged(rng, pieces, known):
    """The two sides of a subtraction or a division exchanged."""
    places = [
        i
        for i in range(2, len(pieces) - 1, 2)
        if OPERATOR.findall(pieces[i]) in (["-"], ["–"], ["/"]) and pieces[i - 1] != pieces[i + 1]
    ]
    if not places:
        return []
    place = choose(rng, places)
    changed = _with(pieces, place - 1, pieces[place + 1])
    return [_with(changed, place + 1, pieces[place - 1])]


def _miscopied_operands(rng, pieces, known):
    """An operand with a digit changed or two exchanged."""
    place = _place(rng, pieces)
    number = pieces[place]
    scale = 10 ** len(number.partition(".")[2])
    values = [Fraction(miscopied(rng, int(value_of(number) * scale)), scale) for _ in range(3)]
    texts = [written(value, number) for value in values]
    return [_with(pieces, place, text) for text in texts if text and len(text) == len(number)]


def _place(rng, pieces):
    return choose(rng, range(1, len(pieces), 2))


def _with(pieces, place, text):
    return (*pieces[:place], text, *pieces[place + 1 :])


def _symbol(sign):
    return SYMBOLS.get(sign, sign)
