"""A world whose truth is known: chains of one-digit operations, right or wrong step by step.

The problem "3+4-5" is worked from left to right, modulo 10: "3+4=7", "7-5=2". A wrong step is

    slip       "3+4=8"   a wrong result
    copied     "6+4=0"   the number before it wrongly taken over
    operand    "3+9=2"   another operand than the problem has

and always has another result than the right one, for operands of `*` have no factor in common with
the modulus. The steps after it go on from the wrong number; with a chance of `repair_rate` a step
goes back to the true one, and the chain is right again ("7-5=2" after "3+4=8").

Right attempts at a problem read alike unless a step repairs another: best-of-N has one right text
against many wrong ones, and a weak scorer chooses worse the more candidates there are.

What a label can mean (all agree up to the first error):

    step       this step takes over the number before it (or repairs it) and is right
    prefix     no step up to here is wrong
    state      the number shown after this step is the true one, so that right steps end right
"""

import dataclasses
import math

import numpy as np

from prm_jax.errors import InputError
from prm_jax.records import Trajectory

RIGHT, SLIP, COPIED, OPERAND, REPAIR = range(5)
LABELS = ("step", "prefix", "state")


@dataclasses.dataclass(frozen=True)
class ChainOptions:
    """How chains are drawn.

    Fields:
        min_steps, max_steps: steps of a problem, uniform between the two.
        operations: some of '+', '-', '*', equally likely.
        modulus: of all numbers, from 2 to 10, so that each is one character.
        error_rate: chance of each step to be wrong.
        slip, copied, operand: weights of the kinds of error.
        repair_rate: chance of a step after a wrong number to go back to the true one.
    """

    min_steps: int = 3
    max_steps: int = 6
    operations: str = "+-"
    modulus: int = 10
    error_rate: float = 0.15
    slip: float = 1.0
    copied: float = 1.0
    operand: float = 0.0
    repair_rate: float = 0.0

    def __post_init__(self):
        if not 1 <= self.min_steps <= self.max_steps:
            raise InputError(
                f"{self.min_steps} to {self.max_steps} steps cannot be drawn", field="max_steps"
            )
        if not 2 <= self.modulus <= 10:
            raise InputError(f"{self.modulus} is not from 2 to 10", field="modulus")
        if not self.operations or set(self.operations) - set("+-*"):
            raise InputError(f"{self.operations!r} is not of + - *", field="operations")
        for field in ("error_rate", "repair_rate"):
            if not 0 <= getattr(self, field) <= 1:
                raise InputError(f"{getattr(self, field)} is not in [0, 1]", field=field)
        if self.kinds.min() < 0 or not self.kinds.sum():
            raise InputError("weights of errors must be positive", field="slip, copied, operand")

    @property
    def kinds(self) -> np.ndarray:
        """The weights of the kinds of error: f64[3]."""
        return np.array([self.slip, self.copied, self.operand], np.float64)


@dataclasses.dataclass(frozen=True)
class Chains:
    """Chains as arrays; N chains, S the most steps, `mask_NS` marks the steps a chain has.

    Fields:
        options: they were drawn under.
        problem_N: number of the problem a chain works at; candidates of one follow each other.
        first_N: number the problem begins with. operation_NS, operand_NS: the rest of it.
        left_NS, used_NS, shown_NS: the numbers of the step "left operation used = shown".
        true_NS: the true number after each step. kind_NS: RIGHT, SLIP, COPIED, OPERAND or REPAIR.
        mask_NS: bool.
    """

    options: ChainOptions
    problem_N: np.ndarray
    first_N: np.ndarray
    operation_NS: np.ndarray
    operand_NS: np.ndarray
    left_NS: np.ndarray
    used_NS: np.ndarray
    shown_NS: np.ndarray
    true_NS: np.ndarray
    kind_NS: np.ndarray
    mask_NS: np.ndarray

    @property
    def n_steps_N(self) -> np.ndarray:
        """Number of steps of each chain: i64[N]."""
        return self.mask_NS.sum(1)

    @property
    def outcome_N(self) -> np.ndarray:
        """Whether the last number of each chain is the true one: bool[N]."""
        return np.take_along_axis(self.labels("state"), self.n_steps_N[:, None] - 1, 1)[:, 0]

    def labels(self, meaning: str) -> np.ndarray:
        """The true labels of one of the meanings in LABELS: bool[N,S], anything off the mask.

        Raises:
            InputError: if there is no such meaning.
        """
        if meaning not in LABELS:
            raise InputError(
                f"unknown meaning {meaning!r} of a label",
                field="labels",
                remedy=f"known are {', '.join(LABELS)}",
            )
        step_NS = (self.kind_NS == RIGHT) | (self.kind_NS == REPAIR)
        if meaning == "prefix":
            return np.logical_and.accumulate(step_NS, axis=1)
        return step_NS if meaning == "step" else self.shown_NS == self.true_NS


def draw(n_problems: int, options: ChainOptions, rng, candidates: int = 1) -> Chains:
    """Draws problems and attempts at them.

    Args:
        n_problems: how many.
        options: `ChainOptions`.
        rng: numpy Generator.
        candidates: attempts at each problem, drawn independently.

    Returns:
        `Chains` of `n_problems * candidates` attempts.
    """
    m, S = options.modulus, options.max_steps
    n_steps_P = rng.integers(options.min_steps, S + 1, n_problems)
    first_P = rng.integers(0, m, n_problems)
    operation_PS = rng.integers(0, len(options.operations), (n_problems, S))
    operation_PS = np.array(list(options.operations))[operation_PS]
    operand_PS = _operands(operation_PS, m, rng)
    problem_N = np.repeat(np.arange(n_problems), candidates)
    first_N, operation_NS, operand_NS = (x[problem_N] for x in (first_P, operation_PS, operand_PS))
    N = len(problem_N)
    wrong_NS = rng.random((N, S)) < options.error_rate
    repair_NS = rng.random((N, S)) < options.repair_rate
    kinds = options.kinds / options.kinds.sum()
    error_NS = rng.choice([SLIP, COPIED, OPERAND], (N, S), p=kinds)
    shift_NS = rng.integers(1, m, (N, S))
    other_NS = _operands(operation_NS, m, rng)

    before_N = true_N = first_N
    steps = []
    for s in range(S):
        operation_N, operand_N = operation_NS[:, s], operand_NS[:, s]
        repaired_N = (before_N != true_N) & repair_NS[:, s]
        kind_N = np.where(wrong_NS[:, s], error_NS[:, s], RIGHT)
        kind_N = np.where(repaired_N, REPAIR, kind_N)
        left_N = np.where(repaired_N, true_N, before_N)
        right_N = apply(operation_N, left_N, operand_N, m)
        copied_N = np.where(kind_N == COPIED, (left_N + shift_NS[:, s]) % m, left_N)
        # What is wrongly taken over after an error can happen to be the true number.
        kind_N = np.where((kind_N == COPIED) & (copied_N == true_N), REPAIR, kind_N)
        used_N = np.where(kind_N == OPERAND, other_NS[:, s], operand_N)
        shown_N = apply(operation_N, copied_N, used_N, m)
        # Another operand can give the same result, and can be the same: then it is a slip.
        harmless_N = (kind_N == OPERAND) & (shown_N == right_N)
        kind_N = np.where(harmless_N, SLIP, kind_N)
        used_N = np.where(harmless_N, operand_N, used_N)
        shown_N = np.where(kind_N == SLIP, (right_N + shift_NS[:, s]) % m, shown_N)
        true_N, before_N = apply(operation_N, true_N, operand_N, m), shown_N
        steps.append((copied_N, used_N, shown_N, true_N, kind_N))
    left_NS, used_NS, shown_NS, true_NS, kind_NS = (
        np.stack(column, axis=1) for column in zip(*steps)
    )
    return Chains(
        options=options,
        problem_N=problem_N,
        first_N=first_N,
        operation_NS=operation_NS,
        operand_NS=operand_NS,
        left_NS=left_NS,
        used_NS=used_NS,
        shown_NS=shown_NS,
        true_NS=true_NS,
        kind_NS=kind_NS,
        mask_NS=np.arange(S) < n_steps_P[problem_N][:, None],
    )


def apply(operation_N, left_N, right_N, modulus):
    """`left operation right` modulo `modulus`, elementwise on arrays of '+', '-', '*' and ints."""
    results = (left_N + right_N, left_N - right_N, left_N * right_N)
    return np.select([operation_N == sign for sign in "+-*"], results) % modulus


def trajectories(chains: Chains, labels: str | np.ndarray = "prefix") -> list[Trajectory]:
    """Chains as trajectories, the candidates of a problem in one group.

    Args:
        chains: `Chains`.
        labels: a meaning in LABELS; or f64[N,S] labels of another source, such as
            `monte_carlo_labels`. Then `first_error`, which they may contradict, is left out.

    Returns:
        `Trajectory` of each chain with labels, outcome, answer, gold, and, with true labels,
        `first_error`.
    """
    is_true = isinstance(labels, str)
    labels_NS = chains.labels(labels) if isinstance(labels, str) else labels
    prefix_N = (chains.labels("prefix") & chains.mask_NS).sum(1)
    signs = chains.operation_NS.tolist()
    operands, lefts, used = (
        x.tolist() for x in (chains.operand_NS, chains.left_NS, chains.used_NS)
    )
    shown, true, labels_of = (
        x.tolist() for x in (chains.shown_NS, chains.true_NS, labels_NS.astype(np.float64))
    )
    outcomes, ends = chains.outcome_N.tolist(), chains.n_steps_N.tolist()
    result = []
    for i, (first, n) in enumerate(zip(chains.first_N.tolist(), ends, strict=True)):
        problem = str(first) + "".join(f"{signs[i][s]}{operands[i][s]}" for s in range(n))
        result.append(
            Trajectory(
                problem=problem,
                steps=tuple(
                    f"{lefts[i][s]}{signs[i][s]}{used[i][s]}={shown[i][s]}" for s in range(n)
                ),
                labels=tuple(labels_of[i][:n]),
                first_error=(-1 if prefix_N[i] == n else int(prefix_N[i])) if is_true else None,
                outcome=float(outcomes[i]),
                answer=str(shown[i][n - 1]),
                gold=str(true[i][n - 1]),
                group=f"problem {chains.problem_N[i]}",
            )
        )
    return result


def _operands(operation_NS, modulus, rng):
    """An operand for each operation; those of `*` are coprime to the modulus."""
    coprime = [b for b in range(1, modulus) if math.gcd(b, modulus) == 1]
    any_NS = rng.integers(0, modulus, operation_NS.shape)
    return np.where(operation_NS == "*", rng.choice(coprime, operation_NS.shape), any_NS)
