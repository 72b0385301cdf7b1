"""Checker of word problems."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

START = re.compile(r"(?:there are|There are|tank holds) (\d+) (apples|books|dollars|liters)\b")
ASKED = re.compile(r"How many (apples|books|dollars|liters) (?:are|does)")
GAIN = re.compile(r"delivered|return|arrive|earns|works \d|Rain adds|fills")
LOSS = re.compile(r"sold|borrow|spends|buys|take|drains")
EQUATION = re.compile(r"(\d+) ([-+]) (\d+) = (\d+)")
PRODUCT = re.compile(r"(\d+) \* (\d+) = (\d+)")


class WordProblemsChecker:
    """Reads word problems; a problem is (start, [(sign, numbers), ...])."""

    def read_problem(self, text):
        start, asked = START.search(text), ASKED.search(text)
        if not start or not asked or start[2] != asked[1]:
            return None
        operations = []
        for sentence in text[: asked.start()].split(". "):
            gain, loss = GAIN.search(sentence), LOSS.search(sentence)
            if gain or loss:
                numbers = tuple(map(int, re.findall(r"\d+", sentence)))
                operations.append(("+" if gain else "-", numbers))
        return int(start[1]), operations

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        equation, product = EQUATION.search(text), PRODUCT.search(text)
        if not equation:
            return None
        source, sign, change, result = equation.groups()
        numbers = [int(change)]
        if product:
            numbers = [int(number) for number in product.groups()]
        return Claim(int(source), (sign, numbers, int(change)), int(result))

    def follows(self, problem, index, state, claim):
        if not 0 <= index < len(problem[1]) or claim.source != state:
            return False
        sign, numbers = problem[1][index]
        said, written, change = claim.operation
        total = sum([numbers[-1]] * numbers[0]) if len(numbers) == 2 else numbers[0]
        if said != sign or change != total or written != [*numbers, *[total] * (len(numbers) - 1)]:
            return False
        return claim.result - state == (total if sign == "+" else -total)

    def answers(self, problem, state, answer):
        return answer == str(state)
