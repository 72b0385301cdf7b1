"""Code tracing: a short Python program runs, its variables are written after each statement.

The state is the table of variables, (name, value) pairs in the order in which Python binds the
names; a list is a tuple. An operation is one statement, as often as a loop comes to it (`Turn`).
Harder levels have more variables, operators and larger numbers.
"""

from typing import Any, NamedTuple

from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    choose,
    true_states,
)
from prm_jax.data.synthetic.program_drawing import SIZES, draw_program
from prm_jax.data.synthetic.programs import Element, Fault, execute, value_of, written

PHRASES = (
    "What is the value of {variable} after this program has run?\n{program}",
    "Trace this Python program and give the last value of {variable}:\n{program}",
    "{program}\nThis Python code is run. Which value does {variable} have at the end?",
)


class Words(NamedTuple):
    """One phrasing of steps: the round of a loop, the condition, and the assignment."""

    loop: str
    condition: str
    assignment: str


STEPS = (
    Words(
        "With {} = {}: ",
        "{} is {} ({}), so ",
        "{condition}{statement} gives {shown} = {value}. Table: {table}.",
    ),
    Words(
        "Round {} = {}. ",
        " because {} is {} ({})",
        "We run {statement}{condition}: {shown} = {value}, and now {table}.",
    ),
    Words(
        "In the loop {} is {}. ",
        ", as {} is {} ({})",
        "Next is {statement}{condition}, which makes {shown} = {value}; we have {table}.",
    ),
)
CLAUSE = Words(
    "for {} = {}, ",
    "{} is {} ({}) and ",
    "{condition}{statement} is {shown} = {value}, so {table}",
)
OTHER_SYMBOL = {"+": "-", "-": "+", "*": "+", "//": "%", "%": "//"}


class CodeTracing(Family):
    """The family of traced programs."""

    name = "code_tracing"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.WRONG_OPERATION: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.0,
        ErrorKind.STALE_VALUE: 0.5,
        ErrorKind.WRONG_BRANCH: 0.6,
        ErrorKind.OFF_BY_ONE: 0.3,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        return draw_program(rng, SIZES[level], n_operations)

    def key(self, problem):
        program = "; ".join(problem.question.program).replace("    ", "> ")
        return f"{program}; {problem.question.variable}"

    def move(self, problem, index, state):
        return execute(problem.operations[index], state, problem.limits)

    def corrupt(self, rng, kind, problem, index, state):
        turn = problem.operations[index]
        true = execute(turn, state, problem.limits)
        if true is None:
            return None
        if kind == ErrorKind.COPIED_WRONG_VALUE:
            wrong = _miscopied(rng, true)
        else:
            fault = _fault(rng, kind, problem, index, true, true_states(self, problem))
            wrong = fault and execute(turn, state, problem.limits, fault)
        if wrong is None or wrong.result == true.result:
            return None
        largest = max(max(v) if isinstance(v, tuple) else v for _, v in wrong.result)
        fits = largest <= problem.limits and _length(wrong) == _length(true)
        return wrong if fits else None

    def answer(self, problem, state):
        return str(dict(state)[problem.question.variable])

    def misread(self, rng, problem, state):
        right = self.answer(problem, state)
        others = sorted({str(value) for _, value in state if len(str(value)) == len(right)})
        wrong = choose(rng, others) if rng.random() < 0.5 else str(miscopied(rng, int(right)))
        return wrong if wrong != right and int(wrong) <= problem.limits else None

    def ask(self, rng, problem):
        variable, program = problem.question
        return choose(rng, PHRASES).format(variable=variable, program="\n".join(program))

    def say(self, move, style):
        return _worded(move, STEPS[style])

    def clause(self, move):
        return _worded(move, CLAUSE)

    def conclude(self, answer):
        return answer


def _worded(move, words):
    done = move.operation
    loop = "" if done.bound is None else words.loop.format(*done.bound)
    condition = "" if done.condition is None else words.condition.format(*done.condition)
    return loop + words.assignment.format(
        condition=condition,
        statement=written(done.assignment),
        shown=done.shown,
        value=done.value,
        table=_listed(move.result),
    )


def _listed(table):
    return ", ".join(f"{name} = {written(value)}" for name, value in table)


def _length(move):
    """How long the numbers of a step are: a wrong step must not be told by it."""
    return len(_listed(move.result)), len(move.operation.shown), len(str(move.operation.value))


def _fault(rng, kind, problem, index, true, states):
    """What goes wrong in carrying out a statement, None if this kind cannot happen there."""
    turn, done = problem.operations[index], true.operation
    sides = (done.assignment.left, done.assignment.right)
    read: Any = choose(rng, [operand for operand in sides if not isinstance(operand, int)])
    before: dict[str, Any] = dict(true.source) | ({} if done.bound is None else dict([done.bound]))
    match kind:
        case ErrorKind.SLIP:
            return Fault(slip=int(choose(rng, (-10, -2, -1, 1, 2, 10))))
        case ErrorKind.WRONG_OPERATION:
            return Fault(symbols=OTHER_SYMBOL)
        case ErrorKind.WRONG_BRANCH if done.condition is not None:
            return Fault(other_branch=True)
        case ErrorKind.WRONG_OPERAND:
            values = [value for value in before.values() if isinstance(value, int)]
            return Fault(read={read: choose(rng, values)})
        case ErrorKind.STALE_VALUE if isinstance(read, str):
            earlier = [dict(state).get(read, before[read]) for state in states[:index]]
            old = [value for value in earlier if value != before[read]]
            return Fault(read={read: old[-1]}) if old else None
        case ErrorKind.OFF_BY_ONE if turn.binds and not isinstance(read, Element):
            return Fault(late=int(choose(rng, (-1, 1))))
        case ErrorKind.OFF_BY_ONE if isinstance(read, Element):
            place = before[read.place] if isinstance(read.place, str) else read.place
            beside = value_of(Element(read.name, place + choose(rng, (-1, 1))), before)
            return None if beside is None else Fault(read={read: beside})
    return None


def _miscopied(rng, true):
    """The step with one number of the table miscopied."""
    table = dict(true.result)
    name = choose(rng, list(table))
    if isinstance(table[name], tuple):
        values = list(table[name])
        place = int(rng.integers(len(values)))
        values[place] = miscopied(rng, values[place])
        table[name] = tuple(values)
    else:
        table[name] = miscopied(rng, table[name])
    return Move(true.source, true.operation, tuple(table.items()))
