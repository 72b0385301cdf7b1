"""Checker of Euclid's algorithm: divisions must hold and leave less than their divisor."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

PROBLEM = re.compile(
    r"^(?:What is the greatest common divisor of|Find gcd\(|Ropes of|A floor is) ?"
    r"(\d+)(?:,| and| cm and| cm long and) (\d+)"
)
STEPS = (
    re.compile(
        r"(?P<a>\d+) = (?P<q>\d+) \* (?P<b>\d+) \+ (?P<r>\d+), so "
        r"the gcd of (?P<a2>\d+) and (?P<b2>\d+) is that of (?P<c>\d+) and (?P<d>\d+)"
    ),
    re.compile(
        r"Dividing (?P<a>\d+) by (?P<b>\d+) gives (?P<q>\d+) and leaves (?P<r>\d+);"
        r" the pair is now (?P<c>\d+) and (?P<d>\d+)"
    ),
    re.compile(
        r"(?P<a>\d+) divided by (?P<b>\d+) is (?P<q>\d+), remainder (?P<r>\d+)\."
        r" Next pair: (?P<c>\d+), (?P<d>\d+)"
    ),
)


class GcdChecker:
    """Reads Euclid's algorithm; a problem is its pair of numbers."""

    def read_problem(self, text):
        match = PROBLEM.match(text)
        return (int(match[1]), int(match[2])) if match else None

    def start(self, problem):
        return problem

    def read_step(self, text):
        for pattern in STEPS:
            match = pattern.search(text)
            if match:
                named = {name: int(number) for name, number in match.groupdict().items()}
                source = (named["a"], named["b"])
                agrees = source == (named.get("a2", source[0]), named.get("b2", source[1]))
                division = (named["q"], named["r"]) if agrees else None
                return Claim(source, division, (named["c"], named["d"]))
        return None

    def follows(self, problem, index, state, claim):
        if claim.source != state or claim.operation is None:
            return False
        (dividend, divisor), (quotient, remainder) = state, claim.operation
        holds = dividend - quotient * divisor == remainder and 0 <= remainder < divisor
        return holds and claim.result == (divisor, remainder)

    def answers(self, problem, state, answer):
        return state[1] == 0 and answer == str(state[0])
