"""Checker of rule chains."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

RULE = re.compile(r"(\d+)\. Every (?:([a-z]+) )?([a-z]+) is a ([a-z]+)\.")
FACT = re.compile(r"([A-Z][a-z]+) is a ([a-z]+)\.")
PROPERTIES = re.compile(r"[A-Z][a-z]+ and [A-Z][a-z]+ are ([a-z]+) and ([a-z]+) and nothing else")
TASK = re.compile(
    r"Start with (\w+) and derive (\d+)|rules from (\w+) for (\d+)|with (\w+), use .* (\d+) times"
)
SOURCE = re.compile(r"([A-Z][a-z]+) is a ([a-z]+)")
RULE_NUMBER = re.compile(r"[Rr]ule (\d+)")
RESULT = re.compile(
    r"(?:give that (?=\w+ is)|by rule \d+ (?=\w+ is)|says that (?=\w+ is)|makes )"
    r"(\w+)(?: is)? a ([a-z]+)"
)


class RuleChainsChecker:
    """Reads rule chains; a problem is (rules, facts, properties, first person, how many steps)."""

    def read_problem(self, text):
        rules, had, task = RULE.findall(text), PROPERTIES.search(text), TASK.search(text)
        if not rules or not had or not task:
            return None
        person, count = filter(None, task.groups())
        by_number = {int(number): rest for number, *rest in rules}
        return by_number, FACT.findall(text), set(had.groups()), person, int(count)

    def start(self, problem):
        return next(fact for fact in problem[1] if fact[0] == problem[3])

    def read_step(self, text):
        source, number = SOURCE.search(text), RULE_NUMBER.search(text)
        result = RESULT.search(text)
        if not source or not number or not result:
            return None
        return Claim(source.groups(), int(number[1]), result.groups())

    def follows(self, problem, index, state, claim):
        rules, _, properties, _, count = problem
        if not 0 <= index < count or claim.source != state or claim.operation not in rules:
            return False
        condition, old, new = rules[claim.operation]
        met = old == state[1] and (not condition or condition in properties)
        return met and claim.result == (state[0], new)

    def answers(self, problem, state, answer):
        return answer == f"a {state[1]}"
