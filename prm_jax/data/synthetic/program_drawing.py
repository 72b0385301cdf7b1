"""Drawing programs in which every statement changes a variable and every number stays small."""

from typing import NamedTuple

from prm_jax.data.synthetic.family import Problem, choose
from prm_jax.data.synthetic.programs import (
    Assignment,
    Branch,
    Element,
    Loop,
    execute,
    lines_of,
    turns_of,
)


class Size(NamedTuple):
    """Number of variables, length of the list (0 for none), largest number, and operators."""

    variables: int
    items: int
    limit: int
    symbols: tuple[str, ...]


class Question(NamedTuple):
    """The variable that is asked for, and the lines of the program."""

    variable: str
    program: tuple[str, ...]


class Scope(NamedTuple):
    """The names that a statement can use; `loop` is None outside loops."""

    size: Size
    names: tuple[str, ...]
    items: str
    loop: Loop | None


SIZES = {
    1: Size(2, 0, 50, ("+", "-")),
    2: Size(2, 3, 99, ("+", "-", "*")),
    3: Size(3, 3, 99, ("+", "+", "-", "-", "*", "//", "%")),
    4: Size(3, 3, 199, ("+", "+", "-", "-", "*", "//", "%")),
}
NAMES = ("abc", "xyz", "mnp", "pqr", "uvw")
LISTS = ("items", "row", "values", "data")
LOOP_NAMES = ("i", "j", "k")
CONSTANTS = {"*": (2, 4), "//": (2, 5), "%": (3, 10)}
COMPARISONS = ("<", ">", "<=", ">=")
LOOP_RATE, BRANCH_RATE = 0.75, 0.35
# Draws of one part of a program before the program is given up.
PROPOSALS = 12


def draw_program(rng, size: Size, n_operations: int) -> Problem:
    """A program that runs `n_operations` assignments, each of which changes a variable.

    Args:
        rng: numpy generator.
        size: how large it is.
        n_operations: number of assignments that are run after those of the start values.
    """
    while True:
        names = tuple(str(name) for name in rng.permutation(list(choose(rng, NAMES))))
        names, items = names[: size.variables], choose(rng, LISTS) if size.items else ""
        start: list[tuple] = [(name, int(rng.integers(2, 20))) for name in names]
        lines = [f"{name} = {value}" for name, value in start]
        if items:
            values = tuple(int(rng.integers(1, 10)) for _ in range(size.items))
            start.insert(0, (items, values))
            lines.insert(0, f"{items} = {list(values)}")
        state, turns = tuple(start), []
        scope = Scope(size, names, items, None)
        for rounds, width in _plan(rng, n_operations):
            part, more, state = _draw_part(rng, scope, rounds, width, state)
            if part is None:
                break
            lines += lines_of(part)
            turns += more
        else:
            changed = [n for n in names if dict(state)[n] != dict(start)[n]]
            if changed:
                question = Question(choose(rng, changed), tuple(lines))
                return Problem(tuple(start), tuple(turns), question, size.limit)


def _plan(rng, n_operations):
    """The parts of a program: (rounds, statements in the body), (0, 1) for a single statement."""
    shapes = [(rounds, width) for rounds in (2, 3) for width in (1, 2)]
    shapes = [shape for shape in shapes if shape[0] * shape[1] <= n_operations]
    if rng.random() > LOOP_RATE:
        return [(0, 1)] * n_operations
    rounds, width = choose(rng, shapes)
    plan = [(0, 1)] * (n_operations - rounds * width)
    plan.insert(int(rng.integers(len(plan) + 1)), (rounds, width))
    return plan


def _draw_part(rng, scope, rounds, width, state):
    """A statement or a loop, its turns and the table after it; (None, ...) if none was found."""
    for _ in range(PROPOSALS):
        if rounds:
            loop = _draw_loop(rng, scope, rounds)
            inner = scope._replace(loop=loop)
            part = loop._replace(body=tuple(_draw_statement(rng, inner) for _ in range(width)))
        else:
            part = _draw_statement(rng, scope)
        turns, table = turns_of(part), state
        for turn in turns:
            move = execute(turn, table, scope.size.limit)
            if move is None or not _changes(move):
                break
            table = move.result
        else:
            return part, turns, table
    return None, [], state


def _changes(move):
    """Whether the statement, apart from the loop's own variable, changes the table."""
    before = dict(move.source) | dict([move.operation.bound] if move.operation.bound else [])
    return before != dict(move.result)


def _draw_loop(rng, scope, rounds):
    variable = choose(rng, LOOP_NAMES)
    if scope.size.items == rounds and rng.random() < 0.6:
        return Loop(variable, scope.items, rounds, ())
    first = int(rng.integers(0, 4))
    return Loop(variable, range(first, first + rounds), rounds, ())


def _draw_statement(rng, scope):
    if rng.random() > BRANCH_RATE:
        return _draw_assignment(rng, scope)
    left, constant = choose(rng, scope.names), int(rng.integers(4, 25))
    others = [name for name in scope.names if name != left]
    right = choose(rng, others) if rng.random() < 0.5 else constant
    then = otherwise = _draw_assignment(rng, scope)
    while otherwise == then:
        otherwise = _draw_assignment(rng, scope)
    return Branch(left, choose(rng, COMPARISONS), right, then, otherwise)


def _draw_assignment(rng, scope):
    loops_over_items = scope.loop is not None and scope.loop.over == scope.items
    target = choose(rng, scope.names)
    if scope.items and not loops_over_items and rng.random() < 0.2:
        target = Element(scope.items, int(rng.integers(scope.size.items)))
    left = target if rng.random() < 0.6 else choose(rng, scope.names)
    symbol = choose(rng, scope.size.symbols)
    if symbol in CONSTANTS:
        return Assignment(target, left, symbol, int(rng.integers(*CONSTANTS[symbol])))
    return Assignment(target, left, symbol, _draw_right(rng, scope, left))


def _draw_right(rng, scope, left):
    """The right operand of a sum or a difference, another one than the left."""
    options = [name for name in scope.names if name != left] + [int(rng.integers(1, 10))]
    if scope.items:
        options.append(Element(scope.items, int(rng.integers(scope.size.items))))
    if scope.loop is not None:
        options += [scope.loop.variable] * 2
        if scope.items and isinstance(scope.loop.over, range):
            options.append(Element(scope.items, scope.loop.variable))
    return choose(rng, [option for option in options if option != left])
