"""Checker of long multiplications; it derives from the factors which step is due."""

import re
from typing import NamedTuple

from prm_jax.data.synthetic.checkers.judge import Claim

PROBLEMS = (
    re.compile(r"^Multiply (?P<a>\d+) by (?P<b>\d+) with partial products"),
    re.compile(r"^Work out (?P<a>\d+) \* (?P<b>\d+) by hand"),
    re.compile(r"^What is the product of (?P<a>\d+) and (?P<b>\d+)\?"),
    re.compile(r"^There are (?P<b>\d+) boxes with (?P<a>\d+) "),
)
LIST = (
    r"(?:\. Parts (?:so far|left):|, which (?:makes|leaves) the parts|\. List:)"
    r" (?P<list>\d+(?:, \d+)*)"
)
STEPS = {
    "part": (
        re.compile(rf"(?P<x>\d+) \* (?P<y>\d+) = (?P<r>\d+){LIST}"),
        re.compile(rf"[Mm]ultiplying (?P<x>\d+) by (?P<y>\d+) gives (?P<r>\d+){LIST}"),
        re.compile(rf"Times (?P<y>\d+), the number (?P<x>\d+) is (?P<r>\d+){LIST}"),
    ),
    "add": (
        re.compile(rf"(?P<x>\d+) \+ (?P<y>\d+) = (?P<r>\d+){LIST}"),
        re.compile(rf"[Aa]dding (?P<x>\d+) and (?P<y>\d+) gives (?P<r>\d+){LIST}"),
        re.compile(rf"Together (?P<x>\d+) and (?P<y>\d+) are (?P<r>\d+){LIST}"),
    ),
    "zeros": (
        re.compile(r"Append (?P<y>\d+) to (?P<x>\d+): (?P<r>\d+)"),
        re.compile(r"[Aa]ppending (?P<y>\d+) to (?P<x>\d+) gives (?P<r>\d+)"),
        re.compile(r"With (?P<y>\d+) at its end, (?P<x>\d+) is (?P<r>\d+)"),
    ),
}


class Said(NamedTuple):
    """What a step says it does: its kind, its two numbers as written, what they give."""

    name: str
    first: str
    second: str
    new: int


class LongMultiplicationChecker:
    """Reads long multiplications; a problem is its two factors as text, a state a list of parts."""

    def read_problem(self, text):
        for pattern in PROBLEMS:
            match = pattern.match(text)
            if match:
                return match["a"], match["b"]
        return None

    def start(self, problem):
        return []

    def read_step(self, text):
        for name, patterns in STEPS.items():
            for pattern in patterns:
                match = pattern.search(text)
                if match:
                    said = Said(name, match["x"], match["y"], int(match["r"]))
                    listed = match["r"] if name == "zeros" else match["list"]
                    return Claim(None, said, [int(part) for part in listed.split(", ")])
        return None

    def follows(self, problem, index, state, claim):
        first, second = problem
        digits, (name, x, y, new) = second.rstrip("0"), claim.operation
        n_parts, zeros = len(digits), second[len(digits) :]
        if index < n_parts:
            due = name == "part" and x == first and y == digits[-index - 1] + "0" * index
            return due and new == int(x) * int(y) and claim.result == [*state, new]
        if index < 2 * n_parts - 1:
            due = name == "add" and [int(x), int(y)] == state[:2]
            return due and new == sum(state[:2]) and claim.result == [new, *state[2:]]
        due = name == "zeros" and index == 2 * n_parts - 1 and y == zeros and [int(x)] == state
        return due and claim.result == [int(x + zeros)]

    def answers(self, problem, state, answer):
        return [answer] == [str(part) for part in state]
