"""Checker of string rewriting."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

RUN = r"([A-D](?: [A-D])*)"
START = re.compile(rf"(?:Start with|the string|string is) {RUN}(?: and apply|, apply|\.)")
ORDER = re.compile(r"(?:apply|under) (R\d+(?:, R\d+)*)")
RULE = re.compile(
    r"R(\d+) ((?:replaces|turns|exchanges|makes|reverses|writes|moves|takes) [^;.?]*)"
)
BODIES = (
    ("one", re.compile(rf"(?:replaces the first|turns the leftmost) {RUN} (?:with|into) {RUN}")),
    ("all", re.compile(rf"(?:replaces every|turns each) {RUN} (?:with|into) {RUN}")),
    ("both", re.compile(r"(?:exchanges all|makes each) ([A-D]) (?:and|a) ([A-D])")),
    ("back", re.compile(r"reverses the string|writes the string backwards")),
    ("round", re.compile(r"(?:moves|takes) the first letter to the end")),
)
STEP = re.compile(
    rf"(?:Apply|use|By|check:|again:|verify:)? ?\bR(?P<rule>\d+)"
    rf"(?:: | changes | on |\. The string is | we get ){RUN}(?: (?:becomes|to|gives) {RUN})?"
)


class StringRewritingChecker:
    """Reads rewritten strings; a problem is (list of letters, rules by number, order of rules)."""

    def read_problem(self, text):
        start, order = START.search(text), ORDER.search(text)
        if not start or not order:
            return None
        rules = {}
        for number, body in RULE.findall(text):
            for what, pattern in BODIES:
                match = pattern.match(body)
                if match:
                    rules[int(number)] = (what, *(part.split() for part in match.groups()))
        return start[1].split(), rules, [int(n) for n in re.findall(r"\d+", order[1])]

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        match = STEP.search(text)
        if not match:
            return None
        number, first, second = match.groups()
        source = first.split() if second else None
        return Claim(source, int(number), (second or first).split())

    def follows(self, problem, index, state, claim):
        _, rules, order = problem
        if not 0 <= index < len(order) or claim.operation != order[index]:
            return False
        if claim.source not in (None, state):
            return False
        return claim.result == _changed(state, *rules[claim.operation])

    def answers(self, problem, state, answer):
        return answer.split() == state


def _changed(letters, what, old=(), new=()):
    """The letters after a rule, read from left to right."""
    if what == "back":
        return letters[::-1]
    if what == "round":
        return [*letters[1:], letters[0]]
    if what == "both":
        other = {old[0]: new[0], new[0]: old[0]}
        return [other.get(letter, letter) for letter in letters]
    done: list[str] = []
    at, left = 0, 1 if what == "one" else len(letters)
    while at < len(letters):
        found = left > 0 and letters[at : at + len(old)] == old
        done += new if found else [letters[at]]
        at += len(old) if found else 1
        left -= found
    return done
