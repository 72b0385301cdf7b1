"""Checker of knights and knaves: a truth table over all people whose kind is still open."""

import itertools
import re

from prm_jax.data.synthetic.checkers.judge import Claim

CLAIM = (
    r"(?:[A-Z]\w+ and [A-Z]\w+ are of (?:the same kind|different kinds)"
    r"|[A-Z]\w+ is a \w+(?: (?:and|or) [A-Z]\w+ is a \w+)?)"
)
FACT = re.compile(r"([A-Z]\w+) is (?:known to be |certainly )?a (knight|knave)")
GIVEN = re.compile(
    r"(?:([A-Z]\w+) is (?:known to be|certainly)|We know that ([A-Z]\w+) is) a (knight|knave)"
)
SAID = re.compile(
    rf'(?:According to ([A-Z]\w+), |([A-Z]\w+) (?:says: "|claims that ))({CLAIM})(?:\.|")'
)
PAIR = re.compile(r"([A-Z]\w+) and ([A-Z]\w+) are of (the same|different)")
KNOWN = r"(?P<known>[A-Z]\w+ kn\w+(?:, [A-Z]\w+ kn\w+)*)"
END = r"so (?P<same>[A-Z]\w+) is a (?P<kind>kn\w+)(?:\. Known:|\. This gives| and we have) " + KNOWN
QUOTE = r'"(?P<quote>[^"]+)"'
STEPS = tuple(
    map(
        re.compile,
        (
            r"Suppose (?P<person>\w+) is a (?P<assumed>\w+)\. Then the words of (?P<speaker>\w+), "
            rf"{QUOTE}, would be (?P<truth>true|false), from a (?P<as>\w+)\. That cannot be, {END}",
            r"If (?P<person>\w+) were a (?P<assumed>\w+), then (?P<speaker>\w+), a (?P<as>\w+), "
            rf"would say something (?P<truth>true|false): {QUOTE}\. Impossible, {END}",
            r"Can (?P<person>\w+) be a (?P<assumed>\w+)\? No: (?P<speaker>\w+) would be a "
            rf"(?P<as>\w+) whose statement {QUOTE} is (?P<truth>true|false)\. "
            rf"Hence (?P<same>\w+) is a (?P<kind>kn\w+)\. Now {KNOWN}",
            r"if (?P<person>\w+) were a (?P<assumed>\w+), the (?P<as>\w+) (?P<speaker>\w+) would "
            rf"say something (?P<truth>true|false), {QUOTE}, {END}",
        ),
    )
)


class KnightsAndKnavesChecker:
    """Reads knights and knaves; a problem is (kinds known at the start, {speaker: statement})."""

    def read_problem(self, text):
        given = GIVEN.search(text)
        said = {match[1] or match[2]: match[3] for match in SAID.finditer(text)}
        return ({given[1] or given[2]: given[3]}, said) if given and said else None

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        for pattern in STEPS:
            match = pattern.search(text)
            if match:
                known = dict(entry.split() for entry in match["known"].split(", "))
                return Claim(None, match.groupdict(), known)
        return None

    def follows(self, problem, index, state, claim):
        said, person = claim.operation, claim.operation["person"]
        if person != said["same"] or person in state or said["assumed"] == said["kind"]:
            return False
        if problem[1].get(said["speaker"]) != said["quote"]:
            return False
        if claim.result != {**state, person: said["kind"]}:
            return False
        rows = list(_rows({**state, person: said["assumed"]}, said["speaker"], said["quote"]))
        expected = (said["as"] == "knight", said["truth"] == "true")
        return expected[0] != expected[1] and all(row == expected for row in rows)

    def answers(self, problem, state, answer):
        knights = {person for person, kind in state.items() if kind == "knight"}
        return answer == (", ".join(sorted(knights)) or "nobody")


def _rows(supposed, speaker, quote):
    """Whether the speaker is a knight, and whether the quote is true, in each possible world."""
    people = set(re.findall(r"[A-Z]\w+", quote)) | {speaker}
    unknown = sorted(people - supposed.keys())
    for kinds in itertools.product(("knight", "knave"), repeat=len(unknown)):
        world = {**supposed, **dict(zip(unknown, kinds))}
        yield world[speaker] == "knight", _is_true(quote, world)


def _is_true(quote, world):
    pair = PAIR.match(quote)
    if pair:
        return (world[pair[1]] == world[pair[2]]) == (pair[3] == "the same")
    facts = [world[person] == kind for person, kind in FACT.findall(quote)]
    return any(facts) if " or " in quote else all(facts)
