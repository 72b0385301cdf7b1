"""Checker of insertion sorts."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

LIST = r"(\d+(?:, \d+)*)"
PROBLEM = re.compile(
    rf"(?:Sort|The list is|By insertion sort, arrange) {LIST}(?: from|\. Put it in order from) "
    r"(smallest|largest) .*?(?:first|length|begins with) (\d+)\b"
)
QUESTION = re.compile(r"Which number is (first|second|third|fourth|fifth) at the end")
RANKS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4}
STEP = re.compile(
    r"(?:Insert|Moving|next number is|Take|inserting) (\d+)"
    rf"(?:: | to its place gives |, and the list becomes | and put it where it belongs: | gives )"
    rf"{LIST}"
)


class SortingChecker:
    """Reads insertion sorts; a problem is (numbers, descending, length in order, asked place)."""

    def read_problem(self, text):
        match, asked = PROBLEM.search(text), QUESTION.search(text)
        if not match:
            return None
        place = RANKS[asked[1]] if asked else None
        return _numbers(match[1]), match[2] == "largest", int(match[3]), place

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        match = STEP.search(text)
        return match and Claim(None, int(match[1]), _numbers(match[2]))

    def follows(self, problem, index, state, claim):
        numbers, descending, n_sorted, _ = problem
        place = n_sorted + index
        if index < 0 or place >= len(numbers) or claim.operation != state[place]:
            return False
        number = state[place]
        stays = [i for i in range(place) if not _before(number, state[i], descending)]
        after = stays[-1] + 1 if stays else 0
        expected = list(state)
        expected.insert(after, expected.pop(place))
        return claim.result == expected

    def answers(self, problem, state, answer):
        place = problem[3]
        return _numbers(answer) == (state if place is None else [state[place]])


def _numbers(text):
    return [int(part) for part in text.split(", ")]


def _before(number, other, descending):
    """Whether the number has to stand before the other one."""
    return number > other if descending else number < other
