"""Checker of base conversions: what is left, followed by the digits, must still be the number."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

PROBLEMS = (
    re.compile(r"^(?:Write|What is the decimal number) (?P<n>\d+) in base (?P<base>\d+)"),
    re.compile(r"^Convert (?P<n>\d+) from base 10 to base (?P<base>\d+)"),
    re.compile(r"^A counter .* in base (?P<base>\d+)\. .* after (?P<n>\d+) counts"),
)
STEPS = (
    re.compile(
        r"(?P<n>\d+) / (?P<base>\d+) = (?P<q>\d+) remainder (?P<r>\d+)\. Last digits: (\d+)"
    ),
    re.compile(
        r"(?P<n>\d+) = (?P<q>\d+) \* (?P<base>\d+) \+ (?P<r>\d+), so the digits end in (\d+)"
    ),
    re.compile(
        r"Dividing (?P<n>\d+) by (?P<base>\d+) gives (?P<q>\d+) and leaves (?P<r>\d+);"
        r" digits so far (\d+)"
    ),
)


class BaseConversionChecker:
    """Reads base conversions; a problem is (number, base), a state (number left, digits)."""

    def read_problem(self, text):
        for pattern in PROBLEMS:
            match = pattern.match(text)
            if match:
                return int(match["n"]), int(match["base"])
        return None

    def start(self, problem):
        return problem[0], ""

    def read_step(self, text):
        for pattern in STEPS:
            match = pattern.search(text)
            if match:
                quotient = int(match["q"])
                division = (int(match["base"]), quotient, int(match["r"]))
                return Claim(int(match["n"]), division, (quotient, match[5]))
        return None

    def follows(self, problem, index, state, claim):
        number, digits = state
        base, quotient, remainder = claim.operation
        if claim.source != number or base != problem[1] or not number:
            return False
        holds = quotient * base == number - remainder and 0 <= remainder < base
        return holds and claim.result[1] == str(remainder) + digits

    def answers(self, problem, state, answer):
        return state[0] == 0 and answer == state[1]
