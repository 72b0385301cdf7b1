"""Propositional logic: a formula is evaluated from the inside out, one connective a step.

The state is the values of the part evaluated so far, 'T' or 'F' in each of three cases, so that
there are several wrong answers. An operation joins it with one more variable, negated or not; a
step names the new part, where (...) is the old one, and what is joined.
Harder levels have more connectives other than 'and' and 'or'.
"""

import dataclasses
from itertools import islice
from typing import NamedTuple

from prm_jax.data.synthetic.asides import with_aside
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)


class Join(NamedTuple):
    """The next part: the old one and a variable, which may be negated and may stand first.

    `old` stands for the old part: a variable at the start, then '(...)'.
    """

    old: str
    connective: str
    variable: str
    negated: bool
    first: bool


@dataclasses.dataclass(frozen=True)
class FormulaProblem(Problem):
    """A problem with the values of all variables, used or not."""

    values: tuple[tuple[str, str], ...] = ()


# Share of connectives other than 'and' and 'or', by level.
HARDER = {1: 0.3, 2: 0.4, 3: 0.5, 4: 0.6}
# 'implies' is mostly true, 'nor' mostly false: together as often true as false.
SIMPLE = ("and", "and", "or", "or")
OTHERS = ("implies", "implies", "nor", "xor", "iff", "nor")
CONFUSED = {
    "and": ("or", "iff"),
    "or": ("and", "xor"),
    "implies": ("iff", "and"),
    "nor": ("or", "xor", "and"),
    "xor": ("or", "iff"),
    "iff": ("implies", "xor"),
}
VARIABLES = "pqrsuvw"
N_CASES = 3
NEGATED = str.maketrans("TF", "FT")
PHRASES = (
    "In three cases, let {values}. What are the values of {formula}?",
    "Evaluate {formula} for {values}, each given in three cases.",
    "Given {values} in three cases, is the formula {formula} true (T) or false (F) in each?",
)
STEPS = (
    "{0} is {1} {2} {3} = {4}.",
    "The part {0} has the values {1} {2} {3}, which makes {4}.",
    "For {0} we have {1} {2} {3}, so it is {4}.",
)


class PropositionalLogic(Family):
    """The family of formulas to be evaluated."""

    name = "propositional_logic"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.5,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.WRONG_OPERATION: 1.0,
        ErrorKind.FORGOT_NEGATION: 0.7,
        ErrorKind.REVERSED_RULE: 0.4,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        cases = (choose(rng, "TF") for _ in VARIABLES for _ in range(N_CASES))
        values = tuple((variable, "".join(islice(cases, N_CASES))) for variable in VARIABLES)
        used, joins = [choose(rng, VARIABLES)], []
        for place in range(n_operations):
            connectives = OTHERS if rng.random() < HARDER[level] else SIMPLE
            used.append(choose(rng, [v for v in VARIABLES if v != used[-1]]))
            negated, first = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
            old = "(...)" if place else used[0]
            joins.append(Join(old, choose(rng, connectives), used[-1], negated, first))
        return FormulaProblem(dict(values)[used[0]], tuple(joins), values=values)

    def key(self, problem):
        used = {problem.operations[0].old, *(join.variable for join in problem.operations)}
        values = " ".join(f"{v}{value}" for v, value in problem.values if v in used)
        return f"{_formula(problem)} {values}"

    def move(self, problem, index, state):
        return _move(state, problem.operations[index], dict(problem.values))

    def corrupt(self, rng, kind, problem, index, state):
        join, values = problem.operations[index], dict(problem.values)
        own = values[join.variable]
        true = wrong = _move(state, join, values)
        match kind:
            # A wrong operand always changes 'xor' and 'iff': they have errors enough.
            case ErrorKind.SLIP if join.connective not in ("xor", "iff"):
                return dataclasses.replace(true, result=_miscopied(rng, true.result))
            case ErrorKind.WRONG_OPERAND:
                other = choose(rng, [v for v in VARIABLES if v != join.variable])
                wrong = _move(state, join._replace(variable=other), values)
            case ErrorKind.WRONG_OPERATION:
                other = choose(rng, CONFUSED[join.connective])
                wrong = _move(state, join._replace(connective=other), values)
            case ErrorKind.FORGOT_NEGATION if join.negated:
                wrong = _move(state, join, values | {join.variable: _negated(own)})
            case ErrorKind.REVERSED_RULE if join.connective == "implies":
                turned = _move(state, join._replace(first=not join.first), values)
                wrong = dataclasses.replace(true, result=turned.result)
            case ErrorKind.COPIED_WRONG_VALUE if rng.random() < 0.5:
                wrong = _move(_miscopied(rng, state), join, values)
            case ErrorKind.COPIED_WRONG_VALUE:
                wrong = _move(state, join, values | {join.variable: _miscopied(rng, own)})
            case _:
                return None
        return wrong if wrong.result != true.result else None

    def answer(self, problem, state):
        return _spaced(state)

    def misread(self, rng, problem, state):
        return _spaced(_miscopied(rng, state))

    def ask(self, rng, problem):
        pairs = [f"{variable} = {_spaced(value)}" for variable, value in problem.values]
        values = ", ".join(pairs[i] for i in rng.permutation(len(pairs)))
        text = choose(rng, PHRASES).format(values=values, formula=_formula(problem))
        return with_aside(rng, text)

    def say(self, move, style):
        return STEPS[style].format(*_words(move))

    def clause(self, move):
        return STEPS[0].removesuffix(".").format(*_words(move))

    def conclude(self, answer):
        return answer


def _move(state, join, values):
    value = values[join.variable]
    value = _negated(value) if join.negated else value
    pair = (value, state) if join.first else (state, value)
    result = "".join(_value(join.connective, *case) for case in zip(*pair))
    return Move(state, (join, pair), result)


def _value(connective, left, right):
    """The value of two joined ones."""
    a, b = left == "T", right == "T"
    results = {
        "and": a and b,
        "or": a or b,
        "implies": b or not a,
        "nor": not (a or b),
        "xor": a != b,
        "iff": a == b,
    }
    return "T" if results[connective] else "F"


def _negated(values):
    return values.translate(NEGATED)


def _miscopied(rng, values):
    """The values with that of one case negated."""
    case = int(rng.integers(len(values)))
    return values[:case] + _negated(values[case]) + values[case + 1 :]


def _words(move):
    join, (left, right) = move.operation
    part = _part(join, join.old)
    return part, _spaced(left), join.connective, _spaced(right), _spaced(move.result)


def _spaced(values):
    return " ".join(values)


def _part(join, old):
    """The new part as a formula."""
    literal = f"not {join.variable}" if join.negated else join.variable
    left, right = (literal, old) if join.first else (old, literal)
    return f"{left} {join.connective} {right}"


def _formula(problem):
    first, *rest = problem.operations
    text = _part(first, first.old)
    for join in rest:
        text = _part(join, f"({text})")
    return text
