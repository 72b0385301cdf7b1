"""Checker of object swaps."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

HOLDING = re.compile(r"([A-Z][a-z]+) has the ([a-z]+)")
SWAP = re.compile(r"([A-Z][a-z]+) and ([A-Z][a-z]+) swap")
QUESTION = re.compile(r"does ([A-Z][a-z]+) (?:have|end)|in ([A-Z][a-z]+)'s hands")
PAIR = re.compile(r"(?:After )?([A-Z][a-z]+) (?:and|trades with|swaps with) ([A-Z][a-z]+)")
LIST = re.compile(r"[A-Z][a-z]+ has [a-z]+(?:, [A-Z][a-z]+ [a-z]+)+")


class ObjectSwapsChecker:
    """Reads object swaps; a problem is (who has what, pairs, whom it asks about)."""

    def read_problem(self, text):
        holdings, question = dict(HOLDING.findall(text)), QUESTION.search(text)
        if not holdings or not question:
            return None
        return holdings, SWAP.findall(text), question[1] or question[2]

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        pair, listed = PAIR.search(text), LIST.search(text)
        if not pair or not listed:
            return None
        entries = listed[0].replace(" has ", " ").split(", ")
        return Claim(None, set(pair.groups()), dict(entry.split() for entry in entries))

    def follows(self, problem, index, state, claim):
        if not 0 <= index < len(problem[1]):
            return False
        first, second = problem[1][index]
        if claim.operation != {first, second} or claim.result.keys() != state.keys():
            return False
        exchanged = {first: second, second: first}
        return all(claim.result[name] == state.get(exchanged.get(name, name)) for name in state)

    def answers(self, problem, state, answer):
        return answer == f"the {state.get(problem[2])}"
