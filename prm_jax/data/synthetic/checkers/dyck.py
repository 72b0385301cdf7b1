"""Checker of bracket sequences."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

RUN = r"((?:[][(){}<>] ?)+)"
PROBLEM = re.compile(
    rf"The brackets {RUN}are open\. Then come {RUN}\.|Stack so far: {RUN}\. Read {RUN}and say"
    rf"|After {RUN}we read {RUN}\."
)
STACK = re.compile(rf"(?:[Ss]tack(?: is|:)?) {RUN}")
READ = re.compile(
    r"(?:Read|reading|Next is) ([][(){}<>])(?:,? (?:and )?(?:an? )?(push|pop|opening|closing))?"
    r"|([][(){}<>]) (opens|closes)"
)
CLOSER_OF = dict(zip("([{<", ")]}>"))


class DyckChecker:
    """Reads bracket sequences; a problem is (list of open brackets, list of brackets to read)."""

    def read_problem(self, text):
        match = PROBLEM.search(text)
        if not match:
            return None
        stack, rest = (run.split() for run in match.groups() if run)
        return stack, rest

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        read, stack = READ.search(text), STACK.search(text)
        if not read or not stack:
            return None
        bracket, verb = read[1] or read[3], read[2] or read[4]
        said_open = verb in ("push", "opening", "opens")
        if verb and said_open != (bracket in CLOSER_OF):
            bracket = None
        return Claim(None, bracket, stack[1].split())

    def follows(self, problem, index, state, claim):
        if not 0 <= index < len(problem[1]) or claim.operation != problem[1][index]:
            return False
        bracket = claim.operation
        expected = list(state)
        if bracket in CLOSER_OF:
            expected.append(bracket)
        elif expected:
            expected.pop()
        return claim.result == expected

    def answers(self, problem, state, answer):
        remaining = list(state)
        for bracket in answer.split():
            if not remaining or CLOSER_OF.get(remaining.pop()) != bracket:
                return False
        return not remaining
