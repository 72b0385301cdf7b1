"""Checker of arithmetic chains."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

START = re.compile(r"^(?:Start with|Take|\w+ has) (\d+)\b(?! *x)")
OPERATIONS = {
    "+": re.compile(r"add (\d+)|gets (\d+) more"),
    "-": re.compile(r"subtract (\d+)|gives away (\d+)"),
    "*": re.compile(r"multiply by (\d+)|has (\d+) times as many"),
}
EQUALITY = re.compile(r"(\d+) ([-+*]) (\d+) = (\d+)")
SENTENCES = (
    ("+", re.compile(r"Adding (?P<n>\d+) to (?P<a>\d+) gives (?P<r>\d+)")),
    ("-", re.compile(r"Taking (?P<n>\d+) from (?P<a>\d+) gives (?P<r>\d+)")),
    ("*", re.compile(r"Multiplying (?P<a>\d+) by (?P<n>\d+) gives (?P<r>\d+)")),
)
ANNOUNCED = re.compile(r"Then (add|subtract|multiply by) (\d+):")
SYMBOLS = {"add": "+", "subtract": "-", "multiply by": "*"}


class ArithmeticChecker:
    """Reads arithmetic chains; a problem is (start, [(symbol, number), ...])."""

    def read_problem(self, text):
        start = START.match(text)
        found = sorted(
            (match.start(), symbol, int(match[1] or match[2]))
            for symbol, pattern in OPERATIONS.items()
            for match in pattern.finditer(text)
        )
        if not start or not found:
            return None
        return int(start[1]), [(symbol, number) for _, symbol, number in found]

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        equality = EQUALITY.search(text)
        if equality:
            a, symbol, n, result = equality.groups()
            said = ANNOUNCED.search(text)
            operation = (symbol, int(n))
            agrees = not said or (SYMBOLS[said[1]], int(said[2])) == operation
            return Claim(int(a), operation if agrees else None, int(result))
        for symbol, pattern in SENTENCES:
            match = pattern.search(text)
            if match:
                return Claim(int(match["a"]), (symbol, int(match["n"])), int(match["r"]))
        return None

    def follows(self, problem, index, state, claim):
        if not 0 <= index < len(problem[1]) or claim.operation != problem[1][index]:
            return False
        if claim.source != state:
            return False
        symbol, number = claim.operation
        if symbol == "*":
            return claim.result == sum([state] * number)
        return claim.result - state == (number if symbol == "+" else -number)

    def answers(self, problem, state, answer):
        return answer == str(state)
