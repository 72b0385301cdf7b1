"""Rule chains: a fact about somebody and if-then rules on made-up kinds, one new fact a step.

The state is a fact, (person, kind). Of the rules for a kind just one applies: the others ask for a
property that nobody has. A step names a rule by its number and uses it on the fact before it.
Harder levels have more rules. Kinds lead on for ever, so that a wrong fact can be followed too.
"""

import dataclasses
from typing import NamedTuple

from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)


class Rule(NamedTuple):
    """Everyone who is of kind `old`, and has the property if there is one, is of kind `new`."""

    old: str
    condition: str | None
    new: str


@dataclasses.dataclass(frozen=True)
class ChainProblem(Problem):
    """A problem with its rules, and a second person and the properties that both people have."""

    rules: tuple[Rule, ...] = ()
    other: tuple[str, str] = ("", "")
    properties: tuple[str, ...] = ()


# Rules that ask for a property nobody has, by level.
UNMET = {1: 3, 2: 4, 3: 5, 4: 7}
N_KINDS = 10
PEOPLE = ("Ava", "Ben", "Dan", "Eve", "Gus", "Ida", "Leo", "Max", "Rex", "Uma")
PROPERTIES = ("red", "old", "shy", "tall", "kind", "loud", "calm", "slow")
KINDS = (
    *("blik", "crog", "dral", "fenk", "gorp", "hulm", "jurf", "krel", "mivo", "narp"),
    *("plim", "quop", "snav", "tosk", "vadd", "wump", "yelk", "zorb"),
)
PHRASES = (
    "{facts} These rules hold: {rules} Start with {person} and derive {n} new facts, each from the "
    "one before it. What does the last one say that {person} is?",
    "Rules: {rules} Facts: {facts} Follow the rules from {person} for {n} steps, each from the "
    "fact before it. What is {person} found to be last?",
    "We know: {facts} Moreover: {rules} Beginning with {person}, use one rule after the other on "
    "the fact found last, {n} times. Which kind comes out?",
)
STEPS = (
    "Rule {2} and that {0} is a {1} give that {3} is a {4}.",
    "{0} is a {1}, so rule {2} makes {3} a {4}.",
    "Since {0} is a {1}, rule {2} says that {3} is a {4}.",
)


class RuleChains(Family):
    """The family of chains of rules."""

    name = "rule_chains"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.WRONG_RULE: 1.0,
        ErrorKind.REVERSED_RULE: 1.0,
        ErrorKind.MISSING_CONDITION: 1.0,
        ErrorKind.SKIPPED_STEP: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        kinds = [KINDS[i] for i in rng.permutation(len(KINDS))[:N_KINDS]]
        people = [PEOPLE[i] for i in rng.permutation(len(PEOPLE))[:2]]
        properties = [PROPERTIES[i] for i in rng.permutation(len(PROPERTIES))]
        had, missing = properties[:2], properties[2:]
        onward = [*kinds[1:], choose(rng, kinds[1:-1])]
        rules = [Rule(a, choose(rng, (None, None, *had)), b) for a, b in zip(kinds, onward)]
        for place in rng.permutation(N_KINDS)[: UNMET[level]]:
            wrong = [k for k in kinds if k not in (kinds[place], onward[place])]
            rules.append(Rule(kinds[place], choose(rng, missing), choose(rng, wrong)))
        return ChainProblem(
            (people[0], kinds[0]),
            (None,) * n_operations,
            rules=tuple(rules[i] for i in rng.permutation(len(rules))),
            other=(people[1], choose(rng, kinds[1:])),
            properties=tuple(had),
        )

    def key(self, problem):
        rules = " ".join("/".join(map(str, rule)) for rule in sorted(problem.rules, key=str))
        return f"{problem.start} {len(problem.operations)} {rules}"

    def move(self, problem, index, state):
        return _move(state, *_rule_for(problem, state[1]))

    def corrupt(self, rng, kind, problem, index, state):
        person, old = state
        number, new = _rule_for(problem, old)
        result = new
        numbered = list(enumerate(problem.rules, 1))
        match kind:
            case ErrorKind.WRONG_RULE:
                others = [(n, rule.new) for n, rule in numbered if rule.old != old]
                number, result = choose(rng, others)
            case ErrorKind.REVERSED_RULE:
                others = [(n, rule.old) for n, rule in numbered if rule.new == old]
                number, result = choose(rng, others) if others else (number, new)
            case ErrorKind.MISSING_CONDITION:
                others = [(n, rule.new) for n, rule in numbered if rule.old == old]
                number, result = choose(rng, others)
            case ErrorKind.SKIPPED_STEP:
                result = _rule_for(problem, new)[1]
            case ErrorKind.WRONG_OPERAND:
                return _move(problem.other, *_rule_for(problem, problem.other[1]))
            case ErrorKind.COPIED_WRONG_VALUE:
                result = choose(rng, sorted({rule.new for rule in problem.rules}))
            case _:
                return None
        return _move(state, number, result) if result not in (new, old) else None

    def answer(self, problem, state):
        return f"a {state[1]}"

    def misread(self, rng, problem, state):
        others = sorted({rule.old for rule in problem.rules} - {state[1]})
        return f"a {choose(rng, others)}"

    def ask(self, rng, problem):
        people = (problem.start, problem.other)
        facts = [f"{person} is a {kind}." for person, kind in people]
        facts = [facts[i] for i in rng.permutation(2)]
        names = " and ".join(person for person, _ in people)
        facts.append(f"{names} are {' and '.join(problem.properties)} and nothing else.")
        rules = [f"{n}. {_worded(rule)}." for n, rule in enumerate(problem.rules, 1)]
        return choose(rng, PHRASES).format(
            facts=" ".join(facts),
            rules=" ".join(rules),
            person=problem.start[0],
            n=len(problem.operations),
        )

    def say(self, move, style):
        return STEPS[style].format(*move.source, move.operation, *move.result)

    def clause(self, move):
        (person, old), (also, new) = move.source, move.result
        return f"{person} is a {old} and by rule {move.operation} {also} is a {new}"

    def conclude(self, answer):
        return answer


def _rule_for(problem, kind):
    """Number and conclusion of the one rule that applies to people of a kind."""
    return next(
        (number, rule.new)
        for number, rule in enumerate(problem.rules, 1)
        if rule.old == kind and rule.condition in (None, *problem.properties)
    )


def _move(fact, number, new):
    return Move(fact, number, (fact[0], new))


def _worded(rule):
    condition = f"{rule.condition} " if rule.condition else ""
    return f"Every {condition}{rule.old} is a {rule.new}"
