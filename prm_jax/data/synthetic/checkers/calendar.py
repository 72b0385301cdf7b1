"""Checker of calendar arithmetic."""

import datetime
import re

from prm_jax.data.synthetic.checkers.judge import Claim

DATE = r"(\d{4}-\d\d-\d\d)"
START = re.compile(rf"(?:Start on|begins on|the date) {DATE}\.")
ORDER = re.compile(r"(add|go back) (\d+) (days|weeks|months|hours)\b", re.IGNORECASE)
SIGNED = r"(plus|minus) (\d+) (days|weeks|months|hours)"
STEP = re.compile(rf"{DATE} {SIGNED} (?:is|gives) {DATE}")
REVERSED = re.compile(rf"From {DATE} we come to {DATE}, since it is {SIGNED}")
HOURS = {"days": 24, "weeks": 7 * 24, "hours": 1}


class CalendarChecker:
    """Reads calendar arithmetic; a problem is (date, [(sign, amount, unit), ...])."""

    def read_problem(self, text):
        start, orders = START.search(text), ORDER.findall(text)
        if not start or not orders:
            return None
        operations = [
            (-1 if word.lower() == "go back" else 1, int(n), unit) for word, n, unit in orders
        ]
        return datetime.date.fromisoformat(start[1]), operations

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        match, other = STEP.search(text), REVERSED.search(text)
        if match:
            source, word, amount, unit, result = match.groups()
        elif other:
            source, result, word, amount, unit = other.groups()
        else:
            return None
        operation = (1 if word == "plus" else -1, int(amount), unit)
        return Claim(_date(source), operation, _date(result))

    def follows(self, problem, index, state, claim):
        if not 0 <= index < len(problem[1]) or claim.operation != problem[1][index]:
            return False
        sign, amount, unit = claim.operation
        if claim.source != state or state is None:
            return False
        if unit == "months":
            return claim.result == _months_later(state, sign * amount)
        return claim.result == state + datetime.timedelta(hours=sign * amount * HOURS[unit])

    def answers(self, problem, state, answer):
        return state is not None and _date(answer) == state


def _date(text):
    """The date, or None if there is no such date."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def _months_later(date, months):
    """The same day of another month, or the day before it that exists."""
    first = date.replace(day=1)
    for _ in range(abs(months)):
        step = 31 if months > 0 else -1
        first = (first + datetime.timedelta(days=step)).replace(day=1)
    while True:
        moved = first + datetime.timedelta(days=date.day - 1)
        if moved.month == first.month:
            return moved
        date = date.replace(day=date.day - 1)
