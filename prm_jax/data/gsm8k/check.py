"""Judging the steps of a GSM8K solution from texts, without any code of the generator.

Equations are read with patterns of their own and computed by Python's parser of expressions.
"""

import ast
import operator
import re
from fractions import Fraction

NUMERAL = re.compile(r"(?:\d[\d,]*\d|\d)(?:\.\d+)?|\.\d+")
TERM = r"[$(\s]*(?:\d+(?:\.\d+)?|\.\d+)[)\s]*"
LEFT = re.compile(rf"{TERM}(?:[-+*/x×–]{TERM})+$")
RIGHT = re.compile(r"\s*\$?\s*(\d[\d,]*\.?\d*|\.\d+)")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
SIGNS = str.maketrans({"×": "*", "x": "*", "–": "-", "$": " "})
OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
NUMBER_WORDS = {
    word: Fraction(n) for n, word in enumerate("one two three four five six".split(), 1)
}


def check_arithmetic(problem: str, steps) -> list[float | None]:
    """Whether the equations of the steps are true.

    Args:
        problem: the problem.
        steps: texts.

    Returns:
        Per step 1.0 or 0.0, None if it writes no equation, or one with a number that neither the
        problem nor an earlier step mentions.
    """
    known = _numbers(problem)
    known |= {n for word, n in NUMBER_WORDS.items() if word in problem.lower()}
    verdicts: list[float | None] = []
    for step in steps:
        equation = _equation(step)
        left = equation and _numbers(equation[0])
        verdicts.append(float(_holds(*equation)) if left and left <= known else None)
        known |= _numbers(step)
    return verdicts


def check_against(right_steps, steps) -> list[float | None]:
    """Judges steps by a right solution that they follow line by line.

    A step is right if its equation is true and uses, in their order, the operations and numbers of
    the right one, where a number that an earlier step got otherwise is that other number.

    Args:
        right_steps: texts of the right solution.
        steps: texts to judge, as many.

    Returns:
        Per step 1.0 or 0.0, None if it writes no equation.
    """
    instead: dict[Fraction, Fraction] = {}
    verdicts: list[float | None] = []
    for right, step in zip(right_steps, steps, strict=True):
        model, equation = _equation(right), _equation(step)
        if not model or not equation:
            verdicts.append(None)
            # A result that is only told: numbers stand in the same order in both texts.
            for old, new in zip(_in_order(right), _in_order(step)):
                instead |= {old: new} if old != new else {}
            continue
        wanted = [instead.get(number, number) for number in _in_order(model[0])]
        same = wanted == _in_order(equation[0]) and _signs(model[0]) == _signs(equation[0])
        verdicts.append(float(same and _holds(*equation)))
        old, new = Fraction(model[1]), Fraction(equation[1])
        instead |= {old: new} if old != new else {}
    return verdicts


def _equation(text):
    """`(left side, result)` of the last equation with an operation, in Python's signs."""
    sides = THOUSANDS.sub("", " ".join(text.split())).split("=")
    for left, right in reversed(list(zip(sides, sides[1:]))):
        found, result = LEFT.search(left.rstrip()), RIGHT.match(right)
        if found and result:
            return found[0].translate(SIGNS).strip(), result[1].rstrip(".").replace(",", "")
    return None


def _in_order(text):
    return [Fraction(number.replace(",", "")) for number in NUMERAL.findall(text)]


def _numbers(text):
    return set(_in_order(text))


def _signs(left):
    return re.findall(r"[-+*/()]", left)


def _holds(left, result):
    try:
        tree = ast.parse(left, mode="eval").body
        return _compute(tree, left) == Fraction(result)
    except (SyntaxError, KeyError, AttributeError, ZeroDivisionError):
        return False


def _compute(node, text):
    if isinstance(node, ast.Constant):
        return Fraction(text[node.col_offset : node.end_col_offset])
    a, b = _compute(node.left, text), _compute(node.right, text)
    return OPERATIONS[type(node.op)](a, b)
