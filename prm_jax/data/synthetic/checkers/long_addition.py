"""Checker of long additions: digits below a column and its carry must make up the column's sum."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

PROBLEM = re.compile(
    r"^(?:Add column by column:|Work out the sum|Boxes with) (\d[^a-z]*(?:and \d+)?)"
)
PLACE = re.compile(r"[Cc]olumn (\d+)")
COLUMN = re.compile(r"(\d(?: \+ \d)+)")
WORDS = (
    re.compile(
        r"carried (?P<old>\d+), makes (?P<sum>\d+); write (?P<digit>\d), carry (?P<new>\d+)\."
        r" So far (?P<all>\d+)"
    ),
    re.compile(
        r"with (?P<old>\d+) carried is (?P<sum>\d+), so (?P<digit>\d) goes below and"
        r" (?P<new>\d+) is carried: (?P<all>\d+)"
    ),
    re.compile(
        r"a carry of (?P<old>\d+)\. That is (?P<sum>\d+): carry (?P<new>\d+),"
        r" write (?P<digit>\d), giving (?P<all>\d+)"
    ),
)


class LongAdditionChecker:
    """Reads long additions; a problem is the list of numbers, a state (carry, digits so far)."""

    def read_problem(self, text):
        match = PROBLEM.match(text)
        return re.findall(r"\d+", match[1]) if match else None

    def start(self, problem):
        return 0, ""

    def read_step(self, text):
        place, column = PLACE.search(text), COLUMN.search(text)
        for pattern in WORDS:
            match = pattern.search(text)
            if match and place and column:
                operation = (int(place[1]), column[1].split(" + "), match["sum"], match["digit"])
                return Claim(int(match["old"]), operation, (int(match["new"]), match["all"]))
        return None

    def follows(self, problem, index, state, claim):
        carry, digits = state
        place, column, total, digit = claim.operation
        if not 0 <= index < len(problem[0]) or place != index + 1 or claim.source != carry:
            return False
        holds = column == [number[-place] for number in problem]
        holds = holds and int(total) - carry == sum(map(int, column)) and digit == total[-1]
        return holds and claim.result == (int(total[:-1] or "0"), digit + digits)

    def answers(self, problem, state, answer):
        return answer == f"{state[0] or ''}{state[1]}".lstrip("0")
