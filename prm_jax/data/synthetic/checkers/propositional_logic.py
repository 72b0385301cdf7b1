"""Checker of formulas of propositional logic."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

CASES = "([TF](?: [TF])*)"
VALUE = re.compile(rf"\b([a-z]) = {CASES}\b")
CONNECTIVE = "(and|or|implies|nor|xor|iff)"
FORMULA = re.compile(r"(?:the values of|Evaluate|the formula) (.*?)(?:\?| for | true)")
INNERMOST = re.compile(rf"^((?:not )?[a-z]) {CONNECTIVE} ((?:not )?[a-z])$")
OUTERMOST = (
    re.compile(rf"^(?P<literal>(?:not )?[a-z]) {CONNECTIVE} \((?P<rest>.*)\)$"),
    re.compile(rf"^\((?P<rest>.*)\) {CONNECTIVE} (?P<literal>(?:not )?[a-z])$"),
)
OPERAND = r"(?:(?:not )?\b[a-z]\b|\(\.\.\.\))"
STEP = re.compile(
    rf"({OPERAND} {CONNECTIVE} {OPERAND}) (?:is|has the values|we have) "
    rf"{CASES} {CONNECTIVE} {CASES}(?: =|, which makes|, so it is) {CASES}\b"
)
# The rows of each truth table that are true.
TRUE_ROWS = {
    "and": {"TT"},
    "or": {"TT", "TF", "FT"},
    "implies": {"TT", "FT", "FF"},
    "nor": {"FF"},
    "xor": {"TF", "FT"},
    "iff": {"TT", "FF"},
}


class PropositionalLogicChecker:
    """Reads formulas; a problem is (parts from the inside out, values of the variables)."""

    def read_problem(self, text):
        values, formula = dict(VALUE.findall(text)), FORMULA.search(text)
        if not values or not formula:
            return None
        rest, parts = formula[1], []
        while not INNERMOST.match(rest):
            match = next(filter(None, (pattern.match(rest) for pattern in OUTERMOST)), None)
            if not match:
                return None
            parts.append(rest.replace(f"({match['rest']})", "(...)"))
            rest = match["rest"]
        return [rest, *reversed(parts)], values

    def start(self, problem):
        return None

    def read_step(self, text):
        match = STEP.search(text)
        if not match:
            return None
        part, _, left, connective, right, result = match.groups()
        return Claim((left.split(), right.split()), (part, connective), result.split())

    def follows(self, problem, index, state, claim):
        parts, values = problem
        part, connective = claim.operation
        if not 0 <= index < len(parts) or part != parts[index]:
            return False
        operands = re.fullmatch(rf"(.*) {CONNECTIVE} (.*)", part)
        if not operands or operands[2] != connective:
            return False
        left, right = (_values(operand, state, values) for operand in (operands[1], operands[3]))
        rows = TRUE_ROWS[connective]
        result = ["T" if a + b in rows else "F" for a, b in zip(left, right)]
        return claim.source == (left, right) and claim.result == result

    def answers(self, problem, state, answer):
        return answer.split() == state


def _values(operand, state, values):
    """The values of a part of the formula: the old part, a variable or its negation."""
    if operand == "(...)":
        return state
    cases = values[operand[-1]].split()
    return cases if len(operand) == 1 else ["FT"["TF".index(case)] for case in cases]
