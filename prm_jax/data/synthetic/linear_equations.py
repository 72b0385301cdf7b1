"""Linear equations in x: collect terms, expand, move terms to one side, divide.

The state is an `Equation`. An operation is a pair such as ('expand', 'left') or ('move_x', None);
which number it moves or divides by follows from the equation as it was last written. Solutions are
integers, after wrong steps too.
"""

from typing import NamedTuple

from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.equations import (
    Equation,
    Side,
    Term,
    collected,
    expanded,
    shifted,
    solved,
    total,
    written,
    written_sum,
)
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
    """Largest coefficient, constant and solution drawn; `value` bounds every written number."""

    coefficient: int
    constant: int
    solution: int
    value: int


SIZES = {
    1: Size(6, 9, 9, 99),
    2: Size(9, 20, 9, 200),
    3: Size(9, 30, 12, 400),
    4: Size(12, 60, 20, 999),
}
# Forms of an equation by the operations that solve it: what is done to the left and to the right
# side before terms are moved, and whether there is x on the right.
FORMS = {
    2: (((), (), False),),
    3: (((), (), True), (("expand",), (), False), (("collect",), (), False)),
    4: (
        (("expand",), (), True),
        (("collect",), (), True),
        (("collect", "expand"), (), False),
    ),
    5: (
        (("expand",), ("expand",), True),
        (("collect",), ("expand",), True),
        (("collect", "expand"), (), True),
    ),
    6: ((("collect", "expand"), ("expand",), True), (("collect", "expand"), ("collect",), True)),
    7: ((("collect", "expand"), ("collect", "expand"), True),),
}
SIMPLIFY = {"collect": collected, "expand": expanded}
PHRASES = ("Solve {} for x.", "Find x: {}.", "What is x if {}?", "For which x does {} hold?")
STEPS = (
    {
        "expand": "Expand the {0} side: {1}.",
        "collect": "Collect terms on the {0} side: {1}.",
        "add": "Add {0} to both sides: {1}.",
        "subtract": "Subtract {0} from both sides: {1}.",
        "divide": "Divide both sides by {0}: {1}.",
    },
    {
        "expand": "Expanding the {0} side gives {1}.",
        "collect": "Collecting terms on the {0} side gives {1}.",
        "add": "Adding {0} to both sides gives {1}.",
        "subtract": "Subtracting {0} from both sides gives {1}.",
        "divide": "Dividing both sides by {0} gives {1}.",
    },
    {
        "expand": "We expand the {0} side and get {1}.",
        "collect": "We collect terms on the {0} side and get {1}.",
        "add": "We add {0} to both sides and get {1}.",
        "subtract": "We subtract {0} from both sides and get {1}.",
        "divide": "We divide both sides by {0} and get {1}.",
    },
)


class LinearEquations(Family):
    """The family of linear equations."""

    name = "linear_equations"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        ErrorKind.WRONG_SIGN: 1.0,
        ErrorKind.ONE_SIDE_ONLY: 1.0,
        ErrorKind.PARTIAL_EXPANSION: 1.0,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        size = SIZES[level]
        left, right, both = choose(rng, FORMS[n_operations])
        moves = ["move_x", "move_constant"] if both else ["move_constant"]
        if rng.random() < 0.5:
            moves.reverse()
        sides = [*((name, "left") for name in left), *((name, "right") for name in right)]
        operations = (*sides, *((name, None) for name in moves), ("divide", None))
        while True:
            equation = _equation(rng, size, left, right, both)
            problem = Problem(equation, operations, limits=size.value)
            if _fits(problem, equation) and true_states(self, problem) is not None:
                return problem

    def key(self, problem):
        return written(problem.start)

    def move(self, problem, index, state):
        name, side = problem.operations[index]
        if side:
            operation = (name, side)
            result = state._replace(**{side: SIMPLIFY[name](getattr(state, side))})
        else:
            term = _target(name, state)
            if term.value == 0:
                return None
            operation = _announced(name, term)
            if name == "divide":
                constant = total(state.right, False)
                if term.value < 2 or constant % term.value or not constant:
                    return None
                result = solved(constant // term.value)
            else:
                result = shifted(state, term, term)
        return Move(state, operation, result) if _fits(problem, result) else None

    def corrupt(self, rng, kind, problem, index, state):
        name, side = problem.operations[index]
        right = self.move(problem, index, state)
        operation, result, term = right.operation, right.result, _target(name, state)
        match kind:
            case ErrorKind.SLIP:
                result = _altered(rng, state, result, _slipped, kept=False)
            case ErrorKind.COPIED_WRONG_VALUE:
                result = _altered(rng, state, result, miscopied, kept=True)
            case ErrorKind.PARTIAL_EXPANSION if name == "expand":
                factor, (first, *rest) = getattr(state, side)
                first = first._replace(value=factor * first.value)
                result = result._replace(**{side: Side(1, (first, *rest))})
            case ErrorKind.WRONG_OPERAND if name == "divide":
                other = choose(rng, [n for n in range(2, 10) if n != term.value])
                if total(state.right, False) % other:
                    return None
                operation = ("divide", Term(other, False))
                result = solved(total(state.right, False) // other)
            case ErrorKind.WRONG_OPERAND if not side:
                sign = 1 if term.value > 0 else -1
                other = term._replace(value=sign * _slipped(rng, abs(term.value)))
                operation, result = _announced(name, other), shifted(state, term, other)
            case ErrorKind.WRONG_SIGN if not side and name != "divide":
                result = shifted(state, term, term._replace(value=-term.value))
            case ErrorKind.ONE_SIDE_ONLY if name == "divide":
                result = solved(total(state.right, False))
            case ErrorKind.ONE_SIDE_ONLY if not side:
                result = shifted(state, term, term._replace(value=0))
            case _:
                return None
        close = abs(len(written(result)) - len(written(right.result))) <= 1
        fits = close and result != right.result and _fits(problem, result)
        return Move(state, operation, result) if fits else None

    def answer(self, problem, state):
        return str(total(state.right, False))

    def misread(self, rng, problem, state):
        value = total(state.right, False)
        wrong = miscopied(rng, abs(value)) * (1 if value > 0 else -1)
        return str(wrong) if wrong else None

    def ask(self, rng, problem):
        return choose(rng, PHRASES).format(written(problem.start))

    def say(self, move, style):
        return STEPS[style][move.operation[0]].format(_amount(move), written(move.result))

    def clause(self, move):
        text = STEPS[1][move.operation[0]].format(_amount(move), written(move.result))
        return text[0].lower() + text[1:-1]

    def conclude(self, answer):
        return f"x = {answer}"


def _amount(move):
    amount = move.operation[1]
    return written_sum((amount,)) if isinstance(amount, Term) else amount


def _equation(rng, size, left, right, both):
    """An equation with an integer solution, or None; its last constant may be out of bounds."""
    solution = _number(rng, size.solution)
    left_side = _side(rng, size, left)
    value = total(left_side, True) * solution + total(left_side, False)
    right_side = _side(rng, size, right) if both else Side(1, (Term(0, False),))
    rest, remainder = divmod(value, right_side.factor)
    if remainder:
        return None
    if total(left_side, True) - total(right_side, True) < 2:
        return None
    terms = [
        Term(rest - total(Side(1, right_side.terms), True) * solution, False)
        if not term.has_x
        else term
        for term in right_side.terms
    ]
    return Equation(left_side, Side(right_side.factor, tuple(terms)))


def _side(rng, size, preparation):
    factor = int(rng.integers(2, 5)) if "expand" in preparation else 1
    terms = [Term(int(rng.integers(2, size.coefficient + 1)), True)]
    terms.append(Term(_number(rng, size.constant // factor + 1), False))
    if "collect" in preparation:
        terms.append(Term(_number(rng, size.coefficient), True))
    return Side(factor, tuple(terms))


def _number(rng, largest):
    """A number from 1 to `largest`, negative one time in three."""
    return int(rng.integers(1, largest + 1)) * (-1 if rng.random() < 1 / 3 else 1)


def _fits(problem, equation):
    """Whether x is still there and no number is 0 or out of bounds."""
    if equation is None or not total(equation.left, True):
        return False
    values = [term.value for side in equation for term in side.terms]
    return all(0 < abs(value) <= problem.limits for value in values)


def _target(name, state):
    """The term that is moved, or the number that is divided by."""
    match name:
        case "move_x":
            return Term(total(state.right, True), True)
        case "move_constant":
            return Term(total(state.left, False), False)
        case _:
            return Term(total(state.left, True), False)


def _announced(name, term):
    if name == "divide":
        return "divide", term
    return ("subtract", term) if term.value > 0 else ("add", term._replace(value=-term.value))


def _slipped(rng, value):
    return max(1, value + int(choose(rng, (-10, -3, -2, -1, 1, 2, 3, 10))))


def _altered(rng, state, result, change, kept):
    """`result` with one number changed: one copied from `state` if `kept`, else a new one."""
    places = [
        (name, index)
        for name in Equation._fields
        for index, term in enumerate(getattr(result, name).terms)
        if (term in getattr(state, name).terms) == kept and term != Term(1, True)
    ]
    if not places:
        return result
    name, index = choose(rng, places)
    side = getattr(result, name)
    value, has_x = side.terms[index]
    value = change(rng, abs(value)) * (1 if value > 0 else -1)
    terms = (*side.terms[:index], Term(value, has_x), *side.terms[index + 1 :])
    return result._replace(**{name: side._replace(terms=terms)})
