"""Candidate solutions for best-of-N, as a policy of chosen accuracy would sample them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prm_jax.data.synthetic.family import ErrorKind, Family, Problem, levels_of
from prm_jax.data.synthetic.mistakes import possible, propose, weighted, weights_of
from prm_jax.data.synthetic.positions import first_error_probabilities
from prm_jax.data.synthetic.registry import families_of
from prm_jax.data.synthetic.solution import roles_of, work
from prm_jax.data.synthetic.trajectories import (
    assemble,
    check_count,
    check_share,
    draw_problem,
    draw_roles,
    draw_size,
    generator,
    length_probabilities,
    name_of,
)
from prm_jax.errors import InputError
from prm_jax.records import Trajectory

# Draws of a step and a kind until a mistake has the wanted effect on the answer.
ATTEMPTS = 2000


def make_candidates(
    family: str | Sequence[str],
    n_problems: int,
    n_candidates: int,
    seed: int,
    *,
    accuracy: float = 0.5,
    concentration: float = 3.0,
    shared_error_rate: float = 0.5,
    wrong_process_rate: float = 0.1,
    difficulty: int | Sequence[int] = 2,
    kinds: Sequence[str] | Mapping[str, float] | None = None,
    check_rate: float = 0.3,
    after_error: str = "mask",
    split: str | None = None,
) -> list[Trajectory]:
    """Several solutions of each problem, some with a right and some with a wrong final answer.

    Each problem has its own accuracy p, drawn from a Beta distribution, and its own tempting
    mistake. A candidate answers right with probability p; a wrong one makes the tempting mistake
    with probability `shared_error_rate`, so that its answer outvotes the right one where p is low.

    Args:
        family: name of a family, or several names, of which the problems take turns.
        n_problems: number of problems.
        n_candidates: candidates of each problem.
        seed: 0 or more; a problem and its candidates depend on the options, the seed, the family
            and the problem's number within the family.
        accuracy: mean of p, in [0, 1].
        concentration: sum of the two parameters of the Beta distribution; the larger, the more
            alike the problems.
        shared_error_rate: share of the wrong candidates that make their problem's tempting mistake.
        wrong_process_rate: share of the right candidates that contain an error all the same: one
            that a second error cancels or, where a check follows it, repairs.
        difficulty, check_rate, after_error, split: as in `make_trajectories`.
        kinds: as in `make_trajectories`, for candidates with a wrong answer.

    Returns:
        List of `n_problems * n_candidates` trajectories, the candidates of a problem side by side
        and with the same `group`. `outcome` says whether the answer is right, `meta['accuracy']`
        is p, `meta['shared_error']` marks the tempting mistake; the rest is as in
        `make_trajectories`.

    Raises:
        InputError: an argument that does not exist or is out of range.
    """
    families, levels = families_of(family), levels_of(difficulty)
    check_count("n_problems", n_problems)
    check_count("n_candidates", n_candidates)
    check_share("accuracy", accuracy)
    check_share("shared_error_rate", shared_error_rate)
    check_share("wrong_process_rate", wrong_process_rate)
    if not concentration > 0:
        raise InputError(f"{concentration!r} is not above 0", field="concentration")
    probabilities = first_error_probabilities(length_probabilities(levels, check_rate), 0.5)
    items = []
    for number in range(n_problems):
        member = families[number % len(families)]
        index = number // len(families)
        rng = generator(seed, member.name, "candidates", *([split] if split else []), index)
        level, n_operations = draw_size(rng, levels)
        problem = draw_problem(rng, member, level, n_operations, split)
        policy = Policy(member, problem, probabilities, weights_of(member, kinds))
        text, tempting = member.ask(rng, problem), policy.tempting(rng)
        p = _problem_accuracy(rng, accuracy, concentration)
        group = name_of(member, split, seed, f"p{index}")
        for candidate in range(n_candidates):
            roles = draw_roles(rng, n_operations, check_rate)
            shared = False
            if rng.random() < p:
                wrong_process = rng.random() < wrong_process_rate
                mistake = policy.harmless(rng, roles) if wrong_process else None
            else:
                shared = rng.random() < shared_error_rate
                mistake = tempting if shared else policy.harmful(rng, roles)
            item = assemble(
                rng,
                member,
                problem,
                roles,
                mistake,
                after_error,
                text=text,
                level=level,
                id=f"{group}-{candidate}",
                group=group,
            )
            item.meta.update(accuracy=round(p, 4), shared_error=shared)
            items.append(item)
    return items


class Policy(NamedTuple):
    """Draws the mistakes of one problem's candidates.

    Fields:
        family, problem: what is solved.
        probabilities: number of steps -> probability of the first error at each of them.
        weights: kinds of error that lead to a wrong answer, by weight.
    """

    family: Family
    problem: Problem
    probabilities: Mapping[int, np.ndarray]
    weights: Mapping[ErrorKind, float]

    def tempting(self, rng):
        """A wrong step, or a wrong answer, that every candidate can make and that none repairs."""
        return self.harmful(rng, roles_of(len(self.problem.operations), None))

    def harmful(self, rng, roles):
        """A mistake that ends in a wrong answer."""
        excluded = (ErrorKind.SELF_CORRECTED, ErrorKind.LUCKY_CANCELLATION)
        weights = {kind: w for kind, w in self.weights.items() if kind not in excluded}
        wrong_t = dict(enumerate(self.probabilities[len(roles)]))
        return self._draw(rng, roles, wrong_t, weights, right=False)

    def harmless(self, rng, roles):
        """A mistake that a second one cancels or the next step repairs."""
        weights = {ErrorKind.SELF_CORRECTED: 1.0, ErrorKind.LUCKY_CANCELLATION: 1.0}
        wrong_t = {t: 1.0 for t, role in enumerate(roles) if role.name == "operation"}
        return self._draw(rng, roles, wrong_t, weights, right=True)

    def _draw(self, rng, roles, wrong_t, weights, right):
        gold = self._answer(roles, None)
        for _ in range(ATTEMPTS):
            role = roles[weighted(rng, wrong_t)]
            here = {kind: w for kind, w in weights.items() if possible(roles, role, kind)}
            if not here:
                continue
            mistake = propose(rng, self.family, self.problem, roles, role, weighted(rng, here))
            if mistake is not None and (self._answer(roles, mistake) == gold) == right:
                return mistake
        raise InputError(
            f"no step of a problem of {self.family.name} gives a {'right' if right else 'wrong'} "
            f"answer by {', '.join(weights)}",
            field="kinds",
            remedy="add kinds",
        )

    def _answer(self, roles, mistake):
        steps = work(self.family, self.problem, roles, mistake)
        return steps and steps[-1].claim


def _problem_accuracy(rng, mean, concentration):
    if mean in (0, 1):
        return float(mean)
    return float(rng.beta(mean * concentration, (1 - mean) * concentration))
