"""String rewriting: named rules change a string of letters, one rule a step.

The state is the string; an operation is the number of a rule. A rule replaces the first place, or
every place, where a pattern occurs, exchanges two letters, reverses the string or rotates it. Where
its pattern does not occur it changes nothing. Harder levels have more rules, some of which are not
needed, and longer patterns. The string is as long at all levels: the level tells how often a step
is wrong.
"""

import dataclasses
from typing import NamedTuple

from prm_jax.data.synthetic.asides import with_aside
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)


class Size(NamedTuple):
    """How many rules there are, and how often one has a pattern of two letters."""

    rules: int
    pairs: float


class Rule(NamedTuple):
    """What a rule does ('first', 'every', 'exchange', 'reverse' or 'rotate') and to which letters.

    `old` and `new` are the pattern and its replacement, or the two letters of an exchange.
    """

    kind: str
    old: str = ""
    new: str = ""


@dataclasses.dataclass(frozen=True)
class RewritingProblem(Problem):
    """A problem with its rules, of which operations give the place; some may not be used."""

    rules: tuple[Rule, ...] = ()


SIZES = {1: Size(3, 0.1), 2: Size(4, 0.3), 3: Size(4, 0.5), 4: Size(5, 0.6)}
LETTERS = "ABCD"
KINDS = ("first", "first", "first", "every", "every", "exchange", "reverse", "rotate")
SHORTEST, LONGEST = 3, 9
PHRASES = (
    "There are rules for strings: {rules}. Start with {start} and apply {order}, in this order. "
    "Which string results?",
    "Given the string {start}, apply {order} one after the other, where {rules}. "
    "What is the string at the end?",
    "The rules are: {rules}. The string is {start}. What becomes of it under {order}, in turn?",
)
RULES = (
    {
        "first": "replaces the first {0} with {1}",
        "every": "replaces every {0} with {1}",
        "exchange": "exchanges all {0} and {1}",
        "reverse": "reverses the string",
        "rotate": "moves the first letter to the end",
    },
    {
        "first": "turns the leftmost {0} into {1}",
        "every": "turns each {0} into {1}",
        "exchange": "makes each {0} a {1} and each {1} a {0}",
        "reverse": "writes the string backwards",
        "rotate": "takes the first letter to the end",
    },
)
STEPS = (
    "Apply R{1}: {0} becomes {2}.",
    "R{1} changes {0} to {2}.",
    "Now use R{1}. The string is {2}.",
    "By R{1} we get {2}.",
)


class StringRewriting(Family):
    """The family of rewritten strings."""

    name = "string_rewriting"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.WRONG_RULE: 1.0,
        ErrorKind.WRONG_PLACE: 1.0,
        ErrorKind.WRONG_SCOPE: 1.0,
        ErrorKind.REVERSED_RULE: 0.7,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        size = SIZES[level]
        while True:
            start = "".join(choose(rng, LETTERS) for _ in range(int(rng.integers(6, 8))))
            rules = tuple({_rule(rng, size.pairs): None for _ in range(size.rules)})
            order = _order(rng, start, rules, n_operations)
            if len(rules) == size.rules and order is not None:
                return RewritingProblem(start, order, rules=rules)

    def key(self, problem):
        rules = (" ".join(problem.rules[place]).strip() for place in problem.operations)
        return f"{problem.start} {', '.join(rules)}"

    def move(self, problem, index, state):
        place = problem.operations[index]
        result = _rewritten(state, problem.rules[place])
        fits = SHORTEST <= len(result) <= LONGEST
        return Move(state, place + 1, result) if fits else None

    def corrupt(self, rng, kind, problem, index, state):
        place = problem.operations[index]
        rule = problem.rules[place]
        true = result = _rewritten(state, rule)
        others = [p for p in range(len(problem.rules)) if p != place]
        match kind:
            case ErrorKind.WRONG_OPERAND:
                place = choose(rng, others)
                result = _rewritten(state, problem.rules[place])
            case ErrorKind.WRONG_RULE:
                result = _rewritten(state, problem.rules[choose(rng, others)])
            case ErrorKind.WRONG_PLACE if rule.kind == "first":
                places = [i for i in range(len(state)) if state.startswith(rule.old, i)]
                if len(places) > 1:
                    at = choose(rng, places[1:])
                    result = state[:at] + rule.new + state[at + len(rule.old) :]
            case ErrorKind.WRONG_PLACE if rule.kind == "rotate":
                result = state[-1] + state[:-1]
            case ErrorKind.WRONG_SCOPE:
                result = _rewritten(state, _other_scope(rng, rule))
            case ErrorKind.REVERSED_RULE:
                result = _rewritten(state, rule._replace(old=rule.new, new=rule.old))
            case ErrorKind.COPIED_WRONG_VALUE:
                result = _miscopied(rng, true)
            case _:
                return None
        fits = len(result) == len(true) and result not in (true, state)
        return Move(state, place + 1, result) if fits else None

    def answer(self, problem, state):
        return _spaced(state)

    def misread(self, rng, problem, state):
        wrong = state[::-1] if rng.random() < 0.3 else _miscopied(rng, state)
        return _spaced(wrong) if wrong != state else None

    def ask(self, rng, problem):
        phrases = choose(rng, RULES)
        rules = [
            f"R{place + 1} {phrases[rule.kind].format(_spaced(rule.old), _spaced(rule.new))}"
            for place, rule in enumerate(problem.rules)
        ]
        text = choose(rng, PHRASES).format(
            rules="; ".join(rules),
            start=_spaced(problem.start),
            order=", ".join(f"R{place + 1}" for place in problem.operations),
        )
        return with_aside(rng, text)

    def say(self, move, style):
        return STEPS[style].format(_spaced(move.source), move.operation, _spaced(move.result))

    def clause(self, move):
        return f"R{move.operation} on {_spaced(move.source)} gives {_spaced(move.result)}"

    def conclude(self, answer):
        return answer


def _rule(rng, pairs):
    kind = choose(rng, KINDS)
    if kind in ("reverse", "rotate"):
        return Rule(kind)
    first, second, third = (LETTERS[i] for i in rng.permutation(len(LETTERS))[:3])
    if kind == "exchange":
        return Rule(kind, *sorted((first, second)))
    if rng.random() >= pairs:
        return Rule(kind, first, second)
    longer, shorter = (first, second + third), (first + second, third)
    swap = (first + second, second + first)
    return Rule(kind, *(choose(rng, (swap, longer, shorter)) if kind == "first" else swap))


def _order(rng, text, rules, n_operations):
    """Places of rules that each change the string, or None if at some string none does."""
    order = []
    for _ in range(n_operations):
        results = [_rewritten(text, rule) for rule in rules]
        useful = [
            place
            for place, result in enumerate(results)
            if result != text and SHORTEST <= len(result) <= LONGEST
        ]
        if not useful:
            return None
        order.append(choose(rng, useful))
        text = results[order[-1]]
    return tuple(order)


def _rewritten(text, rule):
    match rule.kind:
        case "first":
            return text.replace(rule.old, rule.new, 1)
        case "every":
            return text.replace(rule.old, rule.new)
        case "exchange":
            return text.translate(str.maketrans(rule.old + rule.new, rule.new + rule.old))
        case "reverse":
            return text[::-1]
    return text[1:] + text[:1]


def _other_scope(rng, rule):
    """The rule done at one place in place of all, at all in place of one, or half of an exchange.

    A string is reversed or rotated as a whole: there nothing changes.
    """
    match rule.kind:
        case "first":
            return rule._replace(kind="every")
        case "every":
            return rule._replace(kind="first")
        case "exchange":
            pair = (rule.old, rule.new)
            old, new = pair if rng.random() < 0.5 else pair[::-1]
            return Rule("every", old, new)
    return rule


def _miscopied(rng, text):
    """The string with two neighbours exchanged, or one letter replaced."""
    place = int(rng.integers(len(text)))
    if place and text[place] != text[place - 1] and rng.random() < 0.5:
        return text[: place - 1] + text[place] + text[place - 1] + text[place + 1 :]
    other = choose(rng, [letter for letter in LETTERS if letter != text[place]])
    return text[:place] + other + text[place + 1 :]


def _spaced(text):
    return " ".join(text)
