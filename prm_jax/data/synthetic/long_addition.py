"""Long addition: several numbers are added column by column from the right, with carries.

The state is (carry, digits of the sum so far as they are read), an operation a column (its number
from the right, its digits from the top). Harder levels add more numbers.
"""

from typing import NamedTuple

from prm_jax.data.synthetic.base_conversion import miscopied_digits
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)


class Column(NamedTuple):
    """A column: its number, counted from 1 at the right, and its digits."""

    place: int
    digits: tuple[int, ...]


# How many numbers are added.
ADDENDS = {1: (2,), 2: (2, 3), 3: (3,), 4: (3, 4)}
THINGS = ("coins", "beads", "cards", "stamps", "shells", "marbles")
PHRASES = (
    "Add column by column: {sum}.",
    "Work out the sum {sum} by hand.",
    "Boxes with {list} {things} are emptied into one crate that weighs {extra} kg. How many "
    "{things} does it hold?",
)
STEPS = (
    "Column {place}: {digits}, carried {carried}, makes {total}; write {digit}, carry {carry}. "
    "So far {written}.",
    "In column {place}, {digits} with {carried} carried is {total}, so {digit} goes below and "
    "{carry} is carried: {written}.",
    "Column {place} holds {digits} and a carry of {carried}. That is {total}: carry {carry}, "
    "write {digit}, giving {written}.",
)


class Working(NamedTuple):
    """What a step says on the way from its column to its result."""

    column: Column
    total: int
    digit: int


class LongAddition(Family):
    """The family of long additions."""

    name = "long_addition"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.DROPPED_CARRY: 1.0,
        ErrorKind.SWAPPED_CARRY: 0.5,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        n_addends = choose(rng, ADDENDS[level])
        addends = rng.integers(10 ** (n_operations - 1), 10**n_operations, n_addends).tolist()
        columns = [
            Column(place + 1, tuple(number // 10**place % 10 for number in addends))
            for place in range(n_operations)
        ]
        return Problem((0, ""), tuple(columns))

    def key(self, problem):
        return " + ".join(map(str, _addends(problem)))

    def move(self, problem, index, state):
        column = problem.operations[index]
        return _step(state, column)

    def corrupt(self, rng, kind, problem, index, state):
        right = self.move(problem, index, state)
        (carried, written), column = state, right.operation.column
        total = right.operation.total
        wrong = right
        match kind:
            case ErrorKind.SLIP:
                wrong = _step(state, column, max(total + choose(rng, (-2, -1, 1, 2)), 0))
            case ErrorKind.DROPPED_CARRY if carried and rng.random() < 0.5:
                wrong = _step(state, column, total - carried)
            case ErrorKind.DROPPED_CARRY:
                wrong = Move(state, right.operation, (0, right.result[1]))
            case ErrorKind.SWAPPED_CARRY if total > 9:
                carry, digit = total % 10, total // 10
                result = (carry, f"{digit}{written}")
                wrong = Move(state, Working(column, total, digit), result)
            case ErrorKind.WRONG_OPERAND:
                neighbours = [index - 1] * (index > 0) + [index + 1]
                other = problem.operations[choose(rng, neighbours) % len(problem.operations)]
                wrong = _step(state, _mixed(rng, column, other.digits))
            case ErrorKind.COPIED_WRONG_VALUE if rng.random() < 0.5 and written:
                result = (
                    right.result[0],
                    f"{right.operation.digit}{miscopied_digits(rng, written, 10)}",
                )
                wrong = Move(state, right.operation, result)
            case ErrorKind.COPIED_WRONG_VALUE:
                misread = tuple(int(rng.integers(10)) for _ in column.digits)
                wrong = _step(state, _mixed(rng, column, misread))
            case _:
                return None
        same_length = len(self.clause(wrong)) == len(self.clause(right))
        return wrong if wrong.result != right.result and same_length else None

    def answer(self, problem, state):
        return str(int("{}{}".format(*state)))

    def misread(self, rng, problem, state):
        answer = self.answer(problem, state)
        wrong = (
            miscopied_digits(rng, answer, 10) if rng.random() < 0.5 or not state[0] else state[1]
        )
        return wrong if wrong != answer and wrong[0] != "0" else None

    def ask(self, rng, problem):
        *most, last = map(str, _addends(problem))
        return choose(rng, PHRASES).format(
            sum=" + ".join((*most, last)),
            list=f"{', '.join(most)} and {last}",
            things=choose(rng, THINGS),
            extra=int(rng.integers(2, 20)),
        )

    def say(self, move, style):
        column, total, digit = move.operation
        return STEPS[style].format(
            place=column.place,
            digits=" + ".join(map(str, column.digits)),
            carried=move.source[0],
            total=total,
            digit=digit,
            carry=move.result[0],
            written=move.result[1],
        )

    def clause(self, move):
        text = self.say(move, 1)
        return text[0].lower() + text[1:-1]

    def conclude(self, answer):
        return answer


def _step(state, column, total=None):
    """The step that writes a total, which is the right one of this column if it is not given."""
    carried, written = state
    total = carried + sum(column.digits) if total is None else total
    carry, digit = divmod(total, 10)
    return Move(state, Working(column, total, digit), (carry, f"{digit}{written}"))


def _addends(problem):
    """The numbers that are added, from their columns."""
    columns = [column.digits for column in reversed(problem.operations)]
    return [int("".join(map(str, digits))) for digits in zip(*columns)]


def _mixed(rng, column, others):
    """The column with one of its digits taken from `others`."""
    digits, row = list(column.digits), int(rng.integers(len(column.digits)))
    digits[row] = others[row]
    return column._replace(digits=tuple(digits))
