"""What becomes of a solution's later lines when one line of it is written differently."""

from fractions import Fraction

from prm_jax.data.gsm8k.solution import (
    CONSTANTS,
    NUMBER,
    Equation,
    Solution,
    evaluate,
    replaced,
    value_of,
)


def carry(solution: Solution, index: int, pieces, result: str):
    """Writes one computation differently and computes all that follows from it anew.

    Args:
        solution: the right solution.
        index: the line to change; it has an equation.
        pieces: the left side to write, as in `Equation`.
        result: the result to write.

    Returns:
        `(steps, answer)`: the texts of all steps and the final answer's value, or None where that
        cannot be done: a changed number might also mean something else, or one that follows from
        it has no place in the text.
    """
    equation = solution.lines[index].equation
    assert equation is not None
    old, new = value_of(equation.result), value_of(result)
    head: str | None = equation.head
    rest: str | None = equation.rest
    changed: dict[Fraction, Fraction] = {}
    if old != new:
        operands = _values(equation.left)
        if old in _values(equation.head + equation.rest):
            if old in solution.given | CONSTANTS | operands:
                return None
            head, rest = replaced(equation.head, {old: new}), replaced(equation.rest, {old: new})
        if head is None or rest is None or not _follow(solution, index, old, new, changed):
            return None
    last = new
    steps = [line.text for line in solution.lines]
    steps[index] = f"{head}{''.join(pieces)}{equation.equals}{result}{rest}"
    for later in range(index + 1, len(solution.lines)):
        line = solution.lines[later]
        here = dict(changed)
        if line.text.count("=") > len(line.marks) and line.numbers & changed.keys():
            return None
        for left, value in line.marks:
            last = _again(solution, later, left, value, here)
            if last is None:
                return None
            if last != value and not _follow(solution, later, value, last, changed):
                return None
            here |= {value: last} if last != value else {}
        text = replaced(line.text, here)
        if text is None or (line.equation and not _holds(line.equation, here)):
            return None
        steps[later] = text
    return tuple(steps), last


def _values(text):
    return frozenset(map(value_of, NUMBER.findall(text)))


def _again(solution, index, left, value, here):
    """The result of a computation with the changed numbers, None if the text cannot show it."""
    operands = _values(left)
    if not operands & here.keys():
        return value
    text = solution.lines[index].text
    if evaluate(left) != value or not operands & here.keys() <= _values(text):
        return None
    found = evaluate(_in_full(left, here))
    if found is None or found <= 0:
        return None
    # The result must be the only thing that its value stands for in this line.
    mentions = [value_of(number) for number in NUMBER.findall(text)].count(value)
    taken = value in operands or (mentions > 1 and value in solution.given | CONSTANTS)
    return None if found != value and (taken or value in here) else found


def _follow(solution, index, old, new, changed):
    """Notes that `old` is now `new`; False if a later `old` need not be this line's result."""
    lines = solution.lines
    if not any(old in line.numbers for line in lines[index + 1 :]):
        return True
    before = any(old in line.numbers for line in lines[:index])
    results = sum(value == old for line in lines for _, value in line.marks)
    if before or results > 1 or old in solution.given | CONSTANTS:
        return False
    if any(old in _values(left) for left, _ in lines[index].marks):
        return False
    changed[old] = new
    return True


def _in_full(left: str, values) -> str:
    """A mark's left side with changed numbers, in full precision."""

    def other(match):
        value = values.get(value_of(match[0]))
        return match[0] if value is None else f"({value.numerator}/{value.denominator})"

    return NUMBER.sub(other, left)


def _holds(equation: Equation, values):
    """Whether the equation, as it will be written, is true."""
    left, result = replaced(equation.left, values), replaced(equation.result, values)
    return left is not None and result is not None and evaluate(left) == value_of(result)
