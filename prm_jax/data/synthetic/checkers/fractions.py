"""Checker of fraction chains; it compares exact values."""

import math
import re
from fractions import Fraction

from prm_jax.data.synthetic.checkers.judge import Claim

NUMBER = r"(\d+/\d+)"
START = re.compile(
    rf"^(?:Begin at the fraction|To the fraction|With|A \d+-year-old jug holds) {NUMBER}\b"
)
OPERATIONS = re.compile(
    rf"(?P<plus>add {NUMBER}|{NUMBER} cups are poured in)"
    rf"|(?P<minus>subtract {NUMBER}|{NUMBER} cups are poured out)"
    rf"|(?P<times>multiply by {NUMBER}|makes it {NUMBER} of that)"
)
FORMULA = re.compile(rf"{NUMBER} ([-+*]) {NUMBER}(?:, reduced, is| =) {NUMBER}")
SENTENCE = re.compile(
    rf"(Adding|Taking|Multiplying) {NUMBER} (?:to|from|by) {NUMBER} gives {NUMBER}"
)
ANNOUNCED = re.compile(rf"Then (add|subtract|multiply by) {NUMBER}:")
SYMBOLS = {"add": "+", "subtract": "-", "multiply by": "*", "Adding": "+", "Taking": "-"}


class FractionsChecker:
    """Reads fraction chains; a problem is (start, [(symbol, fraction), ...])."""

    def read_problem(self, text):
        start = START.match(text)
        if not start:
            return None
        names = {"plus": "+", "minus": "-", "times": "*"}
        found = [
            (names[str(match.lastgroup)], Fraction(_number(match[0])))
            for match in OPERATIONS.finditer(text)
        ]
        return (start[1], found) if found else None

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        formula, sentence = FORMULA.search(text), SENTENCE.search(text)
        if formula:
            source, symbol, operand, result = formula.groups()
            said = ANNOUNCED.search(text)
            operation = (symbol, Fraction(operand))
            agrees = not said or (SYMBOLS[said[1]], Fraction(said[2])) == operation
            return Claim(source, operation if agrees else None, result)
        if sentence:
            verb, first, second, result = sentence.groups()
            source, operand = (first, second) if verb == "Multiplying" else (second, first)
            return Claim(source, (SYMBOLS.get(verb, "*"), Fraction(operand)), result)
        return None

    def follows(self, problem, index, state, claim):
        if not 0 <= index < len(problem[1]) or claim.operation != problem[1][index]:
            return False
        numerator, denominator = map(int, claim.result.split("/"))
        if claim.source != state or math.gcd(numerator, denominator) != 1:
            return False
        symbol, operand = claim.operation
        before, after = Fraction(state), Fraction(claim.result)
        if symbol == "*":
            return after == before * operand
        return after - before == (operand if symbol == "+" else -operand)

    def answers(self, problem, state, answer):
        return answer == state


def _number(text):
    return re.findall(NUMBER, text)[0]
