"""Dyck stack tracking: brackets are read one by one, the stack of open ones is written after each.

The state is the stack as a string, bottom first; an operation is the bracket that is read. Harder
levels use more kinds of brackets and deeper stacks. A closing bracket takes the top off whatever it
is: after an error it need not match. The stack is never empty: an empty one would tell its step.
"""

from typing import NamedTuple

from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)


class Size(NamedTuple):
    """Kinds of brackets, depth at the start, and the largest depth."""

    kinds: int
    start: int
    depth: int


SIZES = {1: Size(2, 1, 3), 2: Size(3, 2, 4), 3: Size(4, 2, 5), 4: Size(4, 3, 7)}
CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
PHRASES = (
    "The brackets {} are open. Then come {}. Which brackets close the rest, in order?",
    "Stack so far: {}. Read {} and say which brackets must follow to close everything.",
    "After {} we read {}. Close all brackets that are then still open.",
)
STEPS = (
    {True: "Read {0} and push it. Stack: {1}.", False: "Read {0} and pop the top. Stack: {1}."},
    {True: "{0} opens, so the stack is {1}.", False: "{0} closes, so the stack is {1}."},
    {
        True: "Next is {0}, an opening one. Stack: {1}.",
        False: "Next is {0}, a closing one. Stack: {1}.",
    },
)


class Dyck(Family):
    """The family of bracket sequences."""

    name = "dyck"
    n_step_styles = len(STEPS)
    weights = {
        # More steps push than pop, and two kinds need a pop: so both are wrong equally often.
        ErrorKind.FORGOT_PUSH: 2.4,
        ErrorKind.FORGOT_POP: 0.8,
        ErrorKind.WRONG_POP: 0.8,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        size = SIZES[level]
        opening = list(CLOSING)[: size.kinds]
        start = "".join(choose(rng, opening) for _ in range(int(rng.integers(1, size.start + 1))))
        stack, operations = start, []
        for _ in range(n_operations):
            pops = len(stack) == size.depth or (len(stack) > 1 and rng.random() < 0.5)
            operations.append(CLOSING[stack[-1]] if pops else choose(rng, opening))
            stack = stack[:-1] if pops else stack + operations[-1]
        return Problem(start, tuple(operations), limits=size)

    def key(self, problem):
        return f"{problem.start} {''.join(problem.operations)}"

    def move(self, problem, index, state):
        bracket = problem.operations[index]
        result = state + bracket if bracket in CLOSING else state[:-1]
        return Move(state, bracket, result) if _fits(problem, bracket, result) else None

    def corrupt(self, rng, kind, problem, index, state):
        bracket = problem.operations[index]
        opens = bracket in CLOSING
        true = state + bracket if opens else state[:-1]
        result = true
        match kind:
            case ErrorKind.FORGOT_PUSH if opens:
                result = state
            case ErrorKind.FORGOT_POP if not opens:
                result = state
            case ErrorKind.WRONG_POP if not opens:
                others = [state[:i] + state[i + 1 :] for i in range(len(state) - 1)]
                result = choose(rng, [*others, state[:-2]])
            case ErrorKind.WRONG_OPERAND:
                bracket = _other(rng, problem, bracket)
                result = state + bracket if bracket in CLOSING else state[:-1]
            case ErrorKind.COPIED_WRONG_VALUE:
                result = _miscopied(rng, problem, true)
            case _:
                return None
        fits = result != true and _fits(problem, bracket, result)
        return Move(state, bracket, result) if fits else None

    def answer(self, problem, state):
        return " ".join(CLOSING[bracket] for bracket in reversed(state))

    def misread(self, rng, problem, state):
        if len(state) > 1 and rng.random() < 0.5:
            wrong = state[::-1]
        else:
            wrong = _miscopied(rng, problem, state)
        return self.answer(problem, wrong) if wrong != state else None

    def ask(self, rng, problem):
        return choose(rng, PHRASES).format(_spaced(problem.start), _spaced(problem.operations))

    def say(self, move, style):
        text = STEPS[style][move.operation in CLOSING]
        return text.format(move.operation, _spaced(move.result))

    def clause(self, move):
        return f"reading {move.operation} makes the stack {_spaced(move.result)}"

    def conclude(self, answer):
        return answer


def _spaced(brackets):
    return " ".join(brackets)


def _fits(problem, bracket, stack):
    """Whether the stack has a depth that it can have after this bracket in a right solution."""
    if bracket in CLOSING:
        return 2 <= len(stack) <= problem.limits.depth
    return 1 <= len(stack) < problem.limits.depth


def _opening(problem):
    return list(CLOSING)[: problem.limits.kinds]


def _other(rng, problem, bracket):
    """Another bracket than the one that comes next."""
    opening = _opening(problem)
    return choose(rng, [b for b in (*opening, *map(CLOSING.get, opening)) if b != bracket])


def _miscopied(rng, problem, stack):
    """The stack with two neighbours exchanged, or one bracket replaced."""
    place = int(rng.integers(len(stack)))
    if place and stack[place] != stack[place - 1] and rng.random() < 0.5:
        pair = stack[place] + stack[place - 1]
        return stack[: place - 1] + pair + stack[place + 1 :]
    other = choose(rng, [b for b in _opening(problem) if b != stack[place]])
    return stack[:place] + other + stack[place + 1 :]
