"""Two linear equations in x and y, solved by elimination and substitution.

The state is a pair of rows (a, b, d, c) for a x + b y + d = c. An operation is (name, row, number):
a row is multiplied, the first is subtracted from the second, a row is divided, y is put into the
first row, or its constant goes to the right side. Problems with few operations start half solved.
"""

from typing import NamedTuple

from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
    true_states,
)


class Size(NamedTuple):
    """Largest coefficient and largest solution."""

    coefficient: int
    solution: int


SIZES = {1: Size(6, 12), 2: Size(6, 15), 3: Size(8, 20), 4: Size(9, 30)}
LIMIT = 4999
PHRASES = (
    "Find {asked} if {first} and {second}.",
    "Given that {first} and {second}, what is {asked}?",
    "Two numbers satisfy {first} and {second}. Determine {asked}.",
)
ROWS = ("first", "second")
TEXTS = {
    "scale": "multiply the {row} equation by {number}",
    "subtract": "subtract the first equation from the second",
    "divide": "divide the {row} equation by {number}",
    "substitute": "put y = {number} into the first equation",
    "move": "take {number} from both sides of the first equation",
}
STEPS = (
    "Now {done}: {first} and {second}.",
    "We {done}, which gives {first} and {second}.",
    "Let us {done} to get {first} and {second}.",
)
TAIL = (("substitute", 0, 0), ("move", 0, 0), ("divide", 0, 0))


class LinearSystems(Family):
    """The family of systems of two equations."""

    name = "linear_systems"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.WRONG_SIGN: 1.0,
        ErrorKind.ONE_SIDE_ONLY: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        size = SIZES[level]
        while True:
            # Signs of both kinds everywhere, or else a minus would betray an error.
            x, y = (int(choose(rng, (-1, 1)) * rng.integers(2, size.solution + 1)) for _ in "xy")
            rows, operations = _start(rng, size, n_operations)
            start = tuple((a, b, 0, a * x + b * y) for a, b in rows)
            asked = choose(rng, ("x", "x + y", "x - y"))
            problem = Problem(start, operations, question=asked, limits=LIMIT)
            if true_states(self, problem) is not None:
                return problem

    def key(self, problem):
        return f"{equation(problem.start[0])}; {equation(problem.start[1])}; {problem.question}"

    def move(self, problem, index, state):
        operation = _with_number(problem.operations[index], state)
        result = operation and _done(operation, state)
        return Move(state, operation, result) if result and _fits(problem, result) else None

    def corrupt(self, rng, kind, problem, index, state):
        right = self.move(problem, index, state)
        if right is None:
            return None
        name, row, number = operation = right.operation
        rows = [list(r) for r in right.result]
        a, b, d, c = state[row]
        match kind:
            case ErrorKind.SLIP:
                place = choose(rng, [i for i in (1, 2, 3) if rows[row][i]])
                # One coefficient too many or too few, as in a table of multiples, or just a few.
                few = [1, 2, 10, *(abs(n) for r in state for n in r[:2] if n)]
                rows[row][place] += int(choose(rng, few) * choose(rng, (-1, 1)))
            case ErrorKind.WRONG_SIGN if name == "move":
                rows[row][3] = c + d
            case ErrorKind.WRONG_SIGN:
                place = choose(rng, [i for i in (1, 2, 3) if rows[row][i]])
                rows[row][place] *= -1
            case ErrorKind.ONE_SIDE_ONLY if name != "substitute":
                rows[row][3] = c
            case ErrorKind.WRONG_OPERAND:
                operation = (name, row, _other_number(rng, problem, name, state, number))
                wrong = operation[2] and _done(operation, state)
                if not wrong:
                    return None
                rows = [list(r) for r in wrong]
            case ErrorKind.COPIED_WRONG_VALUE:
                place = choose(rng, [(i, j) for i in (0, 1) for j in (1, 2, 3) if rows[i][j]])
                value = rows[place[0]][place[1]]
                rows[place[0]][place[1]] = miscopied(rng, abs(value)) * (1 if value > 0 else -1)
            case _:
                return None
        result = tuple(map(tuple, rows))
        fits = result != right.result and _fits(problem, result)
        alike = all(_form(one) == _form(two) for one, two in zip(result, right.result))
        return Move(state, operation, result) if fits and alike else None

    def answer(self, problem, state):
        x, y = state[0][3], state[1][3]
        return str({"x": x, "x + y": x + y, "x - y": x - y}[problem.question])

    def misread(self, rng, problem, state):
        true = int(self.answer(problem, state))
        value = miscopied(rng, abs(true)) * (-1 if true < 0 else 1)
        return str(value) if value != true else None

    def ask(self, rng, problem):
        first, second = map(equation, problem.start)
        return choose(rng, PHRASES).format(asked=problem.question, first=first, second=second)

    def say(self, move, style):
        first, second = map(equation, move.result)
        return STEPS[style].format(done=_worded(move.operation), first=first, second=second)

    def clause(self, move):
        first, second = map(equation, move.result)
        return f"if we {_worded(move.operation)}, we have {first} and {second}"

    def conclude(self, answer):
        return answer


def equation(row):
    """The text of a row, such as '3x - 4y = 10'."""
    text = ""
    for number, letter in zip(row[:3], ("x", "y", "")):
        if number:
            size = "" if abs(number) == 1 and letter else str(abs(number))
            sign = (" - " if number < 0 else " + ") if text else ("-" if number < 0 else "")
            text += f"{sign}{size}{letter}"
    return f"{text} = {row[3]}"


def _start(rng, size, n_operations):
    """The coefficients of both rows and the operations."""

    def one(low=2):
        return int(rng.integers(low, size.coefficient + 1))

    sign = int(choose(rng, (-1, 1)))
    b_first, b_second, a_first = sign * one(), int(choose(rng, (-1, 1))) * one(), one()
    scalings: tuple = ()
    if n_operations < 4:
        rows = ((1 if n_operations == 2 else a_first, b_first), (0, 1))
        return rows, TAIL[:n_operations]
    if n_operations == 4:
        return ((a_first, b_first), (0, b_second)), (("divide", 1, 0), *TAIL)
    a_second = a_first
    if n_operations == 6:
        times = int(rng.integers(2, 4))
        a_second, scalings = a_first * times, (("scale", 0, times),)
    if n_operations == 7:
        a_second = one()
        scalings = (("scale", 0, a_second), ("scale", 1, a_first))
    rows = ((a_first, b_first), (a_second, b_second))
    return rows, (*scalings, ("subtract", 1, 0), ("divide", 1, 0), *TAIL)


def _with_number(operation, state):
    """The operation with the number that the state gives it; None if it cannot be done."""
    name, row, number = operation
    a, b, d, _ = state[row]
    if name == "divide":
        number, rest = (a, b) if row == 0 else (b, a)
        return (name, row, number) if abs(number) > 1 and rest == d == 0 else None
    if name == "subtract" and state[0][0] != state[1][0]:
        return None
    if name == "substitute":
        return (name, row, state[1][3]) if state[1][:3] == (0, 1, 0) else None
    return (name, row, d) if name == "move" else operation


def _done(operation, state):
    """The state after an operation, None if a division leaves a rest."""
    name, row, number = operation
    rows = list(state)
    a, b, d, c = state[row]
    match name:
        case "scale":
            rows[row] = (a * number, b * number, d, c * number)
        case "subtract":
            (e, f, _, g), _ = state
            rows[row] = (a - e, b - f, d, c - g)
        case "divide":
            if c % number:
                return None
            letter = (1, 0, 0) if row == 0 else (0, 1, 0)
            rows[row] = (*letter, c // number)
        case "substitute":
            rows[row] = (a, 0, b * number, c)
        case _:
            rows[row] = (a, 0, 0, c - number)
    return tuple(rows)


def _other_number(rng, problem, name, state, number):
    """Another number of the state for the one that the operation uses."""
    others = [n for row in state for n in row[:2] if abs(n) > 1 and n != number]
    if name in ("substitute", "move"):
        others = [n for n in (miscopied(rng, abs(number)), state[0][3]) if n != number]
    return choose(rng, others) if others and name != "subtract" else 0


def _fits(problem, state):
    """Whether the rows can be written and stay within the limits."""
    first, second = state
    small = all(abs(n) <= problem.limits for row in state for n in row)
    return small and first[0] > 0 and (second[0] or second[1]) and first[3] and second[3]


def _form(row):
    """How a row looks without its digits: the same for right and wrong ones."""
    return [(len(str(abs(n))), n != 0, abs(n) == 1) for n in row]


def _worded(operation):
    name, row, number = operation
    return TEXTS[name].format(row=ROWS[row], number=number)
