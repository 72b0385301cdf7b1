"""The part of Python that traced programs are written in, and carrying out one statement of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from prm_jax.data.synthetic.family import Move

INDENT = "    "


class Element(NamedTuple):
    """An element of a list: its place is a number or the name of a variable."""

    name: str
    place: int | str


Operand = int | str | Element


class Assignment(NamedTuple):
    """`target = left symbol right`."""

    target: str | Element
    left: Operand
    symbol: str
    right: Operand


class Branch(NamedTuple):
    """`if left comparison right:` one assignment, `else:` another one."""

    left: Operand
    comparison: str
    right: Operand
    then: Assignment
    otherwise: Assignment


class Loop(NamedTuple):
    """`for variable in over:` and the body.

    Fields:
        variable: set at the start of each round.
        over: the name of a list, or a range.
        rounds: number of elements of that.
        body: the statements inside.
    """

    variable: str
    over: str | range
    rounds: int
    body: tuple[Assignment | Branch, ...]


class Turn(NamedTuple):
    """One statement when the program comes to it.

    Fields:
        statement: what is run.
        loop: the loop it stands in, or None.
        round: which round of the loop, from 0.
        binds: it is the first of its round, which sets the loop's variable.
    """

    statement: Assignment | Branch
    loop: Loop | None = None
    round: int = 0
    binds: bool = False


class Fault(NamedTuple):
    """What goes wrong in carrying out a statement.

    Fields:
        slip: the result is off by this much.
        symbols: operators that are taken for others.
        other_branch: the condition is judged the wrong way round.
        read: operands, with the values that are read in place of theirs.
        late: the loop's variable has the value of another round, so many later.
    """

    slip: int = 0
    symbols: Mapping[str, str] = {}
    other_branch: bool = False
    read: Mapping[Any, int] = {}
    late: int = 0


class Done(NamedTuple):
    """What a step says about the statement that was run.

    Fields:
        bound: the loop's variable and its value, None outside loops.
        condition: the condition, 'true' or 'false', and the condition with values; or None.
        assignment: the one that was run.
        shown: its right side with values.
        value: what that gives.
    """

    bound: tuple[str, int] | None
    condition: tuple[str, str, str] | None
    assignment: Assignment
    shown: str
    value: int


RIGHT = Fault()
COMPUTE = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b if b else None,
    "%": lambda a, b: a % b if b else None,
}
COMPARE = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def execute(turn: Turn, state, limit: int, fault: Fault = RIGHT) -> Move | None:
    """Carries out one statement.

    Args:
        turn: the statement.
        state: the table before it, (name, value) pairs.
        limit: largest number that the table may hold; the smallest is 0.
        fault: what goes wrong.

    Returns:
        A `Move` to the table after it, with a `Done` as its operation; None if the statement cannot
        be run or a number leaves the limits.
    """
    table = dict(state)
    bound = condition = None
    assignment: Any = turn.statement
    if turn.loop is not None:
        name, over = turn.loop.variable, turn.loop.over
        if turn.binds:
            values = table[over] if isinstance(over, str) else over
            if not 0 <= turn.round + fault.late < len(values):
                return None
            table[name] = values[turn.round + fault.late]
        bound = (name, table[name])
    if isinstance(turn.statement, Branch):
        left, comparison, right, then, otherwise = turn.statement
        a, b = value_of(left, table), value_of(right, table)
        if a is None or b is None:
            return None
        holds = COMPARE[comparison](a, b) != fault.other_branch
        texts = (f"{written(left)} {comparison} {written(right)}", f"{a} {comparison} {b}")
        condition = (texts[0], "true" if holds else "false", texts[1])
        assignment = then if holds else otherwise
    a, b = (
        fault.read.get(part, value_of(part, table)) for part in (assignment.left, assignment.right)
    )
    symbol = fault.symbols.get(assignment.symbol, assignment.symbol)
    result = None if a is None or b is None else COMPUTE[symbol](a, b)
    if result is None or not 0 <= result + fault.slip <= limit:
        return None
    result += fault.slip
    shown = f"{a} {assignment.symbol} {b}"
    done = Done(bound, condition, assignment, shown, result)
    _store(table, assignment.target, result)
    return Move(state, done, tuple(table.items()))


def value_of(operand: Operand, table) -> int | None:
    """The value of an operand, or None for an element outside the list."""
    if isinstance(operand, int):
        return operand
    if isinstance(operand, str):
        return table[operand]
    values, place = table[operand.name], operand.place
    place = table[place] if isinstance(place, str) else place
    return values[place] if 0 <= place < len(values) else None


def _store(table, target, value):
    if isinstance(target, Element):
        values = list(table[target.name])
        values[int(target.place)] = value
        table[target.name] = tuple(values)
    else:
        table[target] = value


def written(part) -> str:
    """An operand, an assignment or the value of a variable as Python writes it."""
    match part:
        case Element(name, place):
            return f"{name}[{place}]"
        case Assignment(target, left, symbol, right):
            return f"{written(target)} = {written(left)} {symbol} {written(right)}"
        case tuple():
            return f"[{', '.join(map(str, part))}]"
    return str(part)


def lines_of(part) -> list[str]:
    """An assignment, a branch or a loop as lines of Python."""
    match part:
        case Branch(left, comparison, right, then, otherwise):
            head = f"if {written(left)} {comparison} {written(right)}:"
            return [head, INDENT + written(then), "else:", INDENT + written(otherwise)]
        case Loop(variable, over, _, body):
            inner = [INDENT + line for statement in body for line in lines_of(statement)]
            return [f"for {variable} in {over}:", *inner]
    return [written(part)]


def turns_of(part) -> list[Turn]:
    """The statements that running an assignment, a branch or a loop comes to, in order."""
    if not isinstance(part, Loop):
        return [Turn(part)]
    return [
        Turn(statement, part, number, binds=place == 0)
        for number in range(part.rounds)
        for place, statement in enumerate(part.body)
    ]
