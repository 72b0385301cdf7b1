"""Checker of expanded products; a polynomial is a dict of power -> coefficient."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

FACTOR = r"\(-?\d*x [-+] \d+\)"
PROBLEM = re.compile(
    r"^(?:Expand|Multiply out|Which polynomial is the product|In a formula of \d+ lines stands)"
    rf" ({FACTOR}(?:{FACTOR})+)"
)
SUM = r"(-?\d*x(?:\^\d+)?(?: [-+] \d*(?:x(?:\^\d+)?)?)*)"
STEP = re.compile(rf"(?:by|factor|times) \(([^()]+)\)(?::| gives| it becomes| it is) {SUM}")
TERM = re.compile(r"([-+]?) ?(\d*)(x?)(?:\^(\d+))?")


class PolynomialsChecker:
    """Reads products to expand; a problem is its list of factors."""

    def read_problem(self, text):
        match = PROBLEM.match(text)
        return (
            [_read(factor) for factor in re.findall(r"\(([^()]+)\)", match[1])] if match else None
        )

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        match = STEP.search(text)
        factor, result = (_read(match[1]), _read(match[2])) if match else (None, None)
        return Claim(None, factor, result) if factor and result else None

    def follows(self, problem, index, state, claim):
        if not 0 <= index < len(problem) - 1 or claim.operation != problem[index + 1]:
            return False
        product: dict[int, int] = {}
        for power, number in state.items():
            for more, factor in claim.operation.items():
                product[power + more] = product.get(power + more, 0) + number * factor
        return claim.result == {power: number for power, number in product.items() if number}

    def answers(self, problem, state, answer):
        return re.fullmatch(SUM, answer) is not None and _read(answer) == state


def _read(text):
    """The polynomial, or None if a power stands twice."""
    found = {}
    for sign, size, variable, exponent in TERM.findall(text):
        if size or variable:
            power = int(exponent or 1) if variable else 0
            if power in found:
                return None
            found[power] = int(f"{sign}{size or 1}")
    return found
