"""Checker of linear equations.

A step is right if what it says it does, done to the equation before, gives the one it writes.
"""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

SIDE = r"(?:\d+\([^()=]+\)|-?\d*x?(?: [-+] \d*x?)*)"
EQUATION = re.compile(rf"({SIDE}) = ({SIDE})")
PROBLEM = re.compile(r"^(?:Solve|Find x:|What is x if|For which x does) ")
ACTION = re.compile(
    r"(expand|collect)(?:ing)?(?: terms on)? the (left|right) side"
    r"|(add|subtract|divid)\w* (?:both sides by )?(-?(?:\d+x?|x))(?: (?:to|from) both sides)?",
    re.IGNORECASE,
)
TERM = re.compile(r"([-+]?) ?(\d*)(x?)")


class LinearEquationsChecker:
    """Reads equations; a side is (factor, list of (coefficient, is x) terms)."""

    def read_problem(self, text):
        return _equation(text) if PROBLEM.match(text) else None

    def start(self, problem):
        return problem

    def read_step(self, text):
        action, equation = ACTION.search(text), _equation(text.split("side", 1)[-1])
        if not action or not equation:
            return None
        verb, place, other, amount = action.groups()
        operation = (verb.lower(), place) if verb else (other.lower(), _terms(amount)[0])
        return Claim(None, operation, equation)

    def follows(self, problem, index, state, claim):
        verb, what = claim.operation
        before, after = [_value(side) for side in state], [_value(side) for side in claim.result]
        if verb in ("expand", "collect"):
            worked, other = (0, 1) if what == "left" else (1, 0)
            changed, kept = claim.result[worked], claim.result[other] == state[other]
            tidy = changed[0] == 1 if verb == "expand" else _collected(changed)
            return kept and tidy and after == before
        amount, is_x = what
        if verb == "divid":
            return (
                not is_x and amount != 0 and before == [(a * amount, b * amount) for a, b in after]
            )
        signed = amount if verb == "add" else -amount
        shift = (signed, 0) if is_x else (0, signed)
        return after == [(a + shift[0], b + shift[1]) for a, b in before] and all(
            factor == 1 and _collected((factor, terms)) for factor, terms in claim.result
        )

    def answers(self, problem, state, answer):
        return answer == f"x = {_value(state[1])[1]}" and _value(state[0]) == (1, 0)


def _equation(text):
    match = EQUATION.search(text)
    return [_side(side) for side in match.groups()] if match else None


def _side(text):
    factor, parenthesis, inner = text.partition("(")
    return (int(factor), _terms(inner.rstrip(")"))) if parenthesis else (1, _terms(text))


def _terms(text):
    found = []
    for sign, digits, x in TERM.findall(text):
        if digits or x:
            found.append((int(f"{sign}{digits or 1}"), bool(x)))
    return found


def _value(side):
    """The side as (coefficient of x, constant)."""
    factor, terms = side
    return tuple(factor * sum(n for n, is_x in terms if is_x == wanted) for wanted in (True, False))


def _collected(side):
    kinds = [is_x for _, is_x in side[1]]
    return len(kinds) == len(set(kinds))
