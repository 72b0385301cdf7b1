"""Checker of systems of two equations."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

SIDE = r"-?\d*[xy](?: [-+] \d*y)?(?: [-+] \d+)?"
EQUATION = re.compile(rf"({SIDE}) = (-?\d+)")
PAIR = re.compile(rf"({SIDE} = -?\d+) and ({SIDE} = -?\d+)[.,?]")
PROBLEM = re.compile(r"^(?:Find|Given that|Two numbers satisfy)\b")
ASKED = re.compile(r"(?:Find|what is|Determine) (x(?: [-+] y)?)\b")
ACTIONS = {
    "scale": re.compile(r"multiply the (first|second) equation by (-?\d+)"),
    "subtract": re.compile(r"(subtract) the first equation from the (second)"),
    "divide": re.compile(r"divide the (first|second) equation by (-?\d+)"),
    "put": re.compile(r"(put) y = (-?\d+) into the first equation"),
    "take": re.compile(r"(take) (-?\d+) from both sides of the first equation"),
}
TERM = re.compile(r"([-+]?) ?(\d*)([xy]?)")


class LinearSystemsChecker:
    """Reads systems; a problem is (the two equations, what is asked), an equation a dict."""

    def read_problem(self, text):
        pair, asked = PAIR.search(text), ASKED.search(text)
        if not PROBLEM.match(text) or not pair or not asked:
            return None
        return (_read(pair[1]), _read(pair[2])), asked[1]

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        pair = PAIR.search(text)
        for name, pattern in ACTIONS.items():
            found = pattern.search(text)
            if found and pair:
                return Claim(None, (name, *found.groups()), (_read(pair[1]), _read(pair[2])))
        return None

    def follows(self, problem, index, state, claim):
        name, which, number = claim.operation
        one, two = state
        if name == "subtract":
            return claim.result == (one, {k: two[k] - one[k] for k in two}) and one["x"] == two["x"]
        value = int(number)
        if name == "put":
            if two != {"x": 0, "y": 1, "1": 0, "=": value} or not one["y"]:
                return False
            return claim.result == ({**one, "y": 0, "1": one["y"] * value}, two)
        if name == "take":
            moved = {**one, "1": 0, "=": one["="] - value}
            return bool(value) and one["1"] == value and claim.result == (moved, two)
        place = 0 if which == "first" else 1
        before, after = state[place], claim.result[place]
        if claim.result[1 - place] != state[1 - place] or not value:
            return False
        if name == "scale":
            return self._scales(problem, index, place, value) and after == _times(before, value)
        alone = sorted(map(abs, (after["x"], after["y"], after["1"]))) == [0, 0, 1]
        return alone and _times(after, value) == before

    def answers(self, problem, state, answer):
        one, two = state
        if (one["x"], one["y"], one["1"]) != (1, 0, 0) or (two["x"], two["y"]) != (0, 1):
            return False
        signs = {"x": 0, "x + y": 1, "x - y": -1}
        return answer == str(one["="] + signs[problem[1]] * two["="])

    def _scales(self, problem, index, place, value):
        """Whether the scaling makes the coefficients of x equal, as the method wants."""
        return value == problem[0][1 - place]["x"] or (
            place == 0 and index == 0 and value * problem[0][0]["x"] == problem[0][1]["x"]
        )


def _times(row, number):
    return {name: value * number for name, value in row.items()}


def _read(text):
    ((left, right),) = EQUATION.findall(text)
    row = {"x": 0, "y": 0, "1": 0, "=": int(right)}
    for sign, digits, letter in TERM.findall(left):
        if digits or letter:
            row[letter or "1"] += int(digits or 1) * (-1 if sign == "-" else 1)
    return row
