"""Calendar arithmetic: days, weeks, months and hours are added to a date or taken from it.

The state is the date as (year, month, day), an operation a triple such as (1, 3, 'weeks'), with -1
for going back. Hours come in whole days. A month that has no such day gives its last day. Harder
levels move by more days, and more often across the end of February.
"""

from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.asides import with_aside
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)

# The most days that are added at once, by level, and how often a problem starts near February.
DAYS = {1: 30, 2: 50, 3: 70, 4: 99}
FEBRUARY = {1: 0.2, 2: 0.3, 3: 0.4, 4: 0.5}
UNITS = ("days", "weeks", "months", "hours")
IN_DAYS = {"days": 1, "weeks": 7, "hours": 1 / 24}
# What else somebody might take a unit for, in days.
MISTAKEN = {"weeks": (5, 10, 6), "months": (30, 28), "hours": (1 / 12, 1 / 10)}
MONTHS = 12
PHRASES = (
    "Start on {start}. {done}. Which date is it then? If a month has no such day, its last day is "
    "meant.",
    "A project begins on {start}. To find its end: {done}. On which date does it end? Where a "
    "month is too short for the day, take its last day.",
    "Take the date {start}. {done}. Give the date that results. A month without such a day counts "
    "with its last day.",
)
STEPS = (
    "{0} {1} {2} {3} is {4}.",
    "From {0} we come to {4}, since it is {1} {2} {3}.",
    "The date {0} {1} {2} {3} gives {4}.",
)


class Calendar(Family):
    """The family of dates."""

    name = "calendar"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.WRONG_OPERATION: 0.7,
        ErrorKind.DROPPED_CARRY: 1.0,
        ErrorKind.WRONG_UNIT: 1.0,
        ErrorKind.WRONG_MONTH_LENGTH: 0.6,
        ErrorKind.WRONG_LEAP_YEAR: 0.4,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        year, month = int(rng.integers(2015, 2085)), int(rng.integers(1, MONTHS + 1))
        if rng.random() < FEBRUARY[level]:
            month = int(rng.integers(1, 4))
        start = (year, month, int(rng.integers(1, _length(year, month) + 1)))
        operations = []
        for _ in range(n_operations):
            amount, unit = int(rng.integers(2, 10)), choose(rng, UNITS)
            if unit == "days":
                amount = int(rng.integers(10, DAYS[level] + 1))
            elif unit == "hours":
                amount = 24 * int(rng.integers(1, 10))
            operations.append((-1 if rng.random() < 0.5 else 1, amount, unit))
        return Problem(start, tuple(operations))

    def key(self, problem):
        done = " ".join(f"{sign * amount:+} {unit}" for sign, amount, unit in problem.operations)
        return f"{_written(problem.start)} {done}"

    def move(self, problem, index, state):
        operation = problem.operations[index]
        return Move(state, operation, _shifted(state, *operation))

    def corrupt(self, rng, kind, problem, index, state):
        sign, amount, unit = problem.operations[index]
        true = result = _shifted(state, sign, amount, unit)
        source = state
        match kind:
            case ErrorKind.SLIP:
                result = _plus_days(true, choose(rng, (-2, -1, 1, 2)))
            case ErrorKind.WRONG_OPERAND:
                others = [n for _, n, u in problem.operations if u == unit and n != amount]
                amount = choose(rng, [*others, _other_amount(rng, amount, unit)])
                result = _shifted(state, sign, amount, unit)
            case ErrorKind.WRONG_OPERATION:
                sign = -sign
                result = _shifted(state, sign, amount, unit)
            case ErrorKind.DROPPED_CARRY:
                result = choose(rng, ((*state[:2], true[2]), (state[0], *true[1:])))
            case ErrorKind.WRONG_UNIT if unit in MISTAKEN:
                days = round(amount * choose(rng, MISTAKEN[unit]))
                result = _plus_days(state, sign * days)
            case ErrorKind.WRONG_MONTH_LENGTH if unit != "months":
                length = choose(rng, (30, 31))
                days = sign * round(amount * IN_DAYS[unit])
                result = _plus_days(state, days, lambda year, month: length)
            case ErrorKind.WRONG_LEAP_YEAR if unit != "months":
                days = sign * round(amount * IN_DAYS[unit])
                result = _plus_days(state, days, _wrong_leap_length)
            case ErrorKind.COPIED_WRONG_VALUE:
                source = _miscopied(rng, state)
                result = _shifted(source, sign, amount, unit)
            case _:
                return None
        wrong = Move(source, (sign, amount, unit), result)
        return wrong if _exists(source) and _exists(result) and result != true else None

    def answer(self, problem, state):
        return _written(state)

    def misread(self, rng, problem, state):
        wrong = _miscopied(rng, state)
        return _written(wrong) if _exists(wrong) else None

    def ask(self, rng, problem):
        orders = {1: "add {} {}", -1: "go back {} {}"}
        done = ", then ".join(orders[sign].format(n, unit) for sign, n, unit in problem.operations)
        text = choose(rng, PHRASES)
        if not text.startswith("A project"):
            done = done.capitalize()
        return with_aside(rng, text.format(start=_written(problem.start), done=done))

    def say(self, move, style):
        return STEPS[style].format(*_words(move))

    def clause(self, move):
        return STEPS[0].removesuffix(".").format(*_words(move))

    def conclude(self, answer):
        return answer


def _shifted(date, sign, amount, unit):
    """The date so much later or earlier."""
    if unit != "months":
        return _plus_days(date, sign * round(amount * IN_DAYS[unit]))
    year, month, day = date
    years, month = divmod(month - 1 + sign * amount, MONTHS)
    return year + years, month + 1, min(day, _length(year + years, month + 1))


def _length(year, month):
    """Number of days of a month."""
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _wrong_leap_length(year, month):
    """The same with leap years and others exchanged."""
    length = _length(year, month)
    return {28: 29, 29: 28}.get(length, length)


def _plus_days(date, days, length=_length):
    """The date so many days later, where `length(year, month)` says how long months are."""
    year, month, day = date
    day += days
    while day < 1:
        year, month = (year, month - 1) if month > 1 else (year - 1, MONTHS)
        day += length(year, month)
    while day > length(year, month):
        day -= length(year, month)
        year, month = (year, month + 1) if month < MONTHS else (year + 1, 1)
    return year, month, day


def _other_amount(rng, amount, unit):
    """Another amount of as many digits, in whole days."""
    if unit == "hours":
        fitting = range(24, 97, 24) if amount < 100 else range(120, 217, 24)
        return choose(rng, [n for n in fitting if n != amount])
    if unit == "days":
        return miscopied(rng, amount)
    return choose(rng, [n for n in range(2, 10) if n != amount])


def _miscopied(rng, date):
    """The date with its day, month or year off; it may not exist."""
    year, month, day = date
    place = int(rng.integers(3))
    if place == 0:
        return 2000 + miscopied(rng, year - 2000), month, day
    if place == 1:
        return year, choose(rng, [m for m in range(1, MONTHS + 1) if m != month]), day
    return year, month, choose(rng, [d for d in range(1, 32) if d != day])


def _exists(date):
    year, month, day = date
    return 2000 <= year < 2100 and 1 <= day <= _length(year, month)


def _written(date):
    return "{}-{:02}-{:02}".format(*date)


def _words(move):
    sign, amount, unit = move.operation
    word = "plus" if sign == 1 else "minus"
    return _written(move.source), word, amount, unit, _written(move.result)
