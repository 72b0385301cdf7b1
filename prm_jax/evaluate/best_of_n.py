"""Choosing among N candidates of a problem by step scores, against voting and chance."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.evaluate import bootstrap as boot
from prm_jax.records import Trajectory
from prm_jax.scoring import answers, voting
from prm_jax.scoring.aggregation import CLIP, SIGNED, aggregate, check_method

RULES = {
    "right": "the candidate's outcome (of `regraded` and `correct` the former); without one, "
    "whether its answer is the gold answer",
    "group": "the field `group`, else the text of the problem",
    "best_of_n": "the best-scored candidate; of equal scores the first",
    "majority": "the answer of most candidates; of equal ones that whose first candidate comes "
    "first; right if that first candidate is",
    "weighted_majority": "as majority, a candidate counting with its aggregated score; null for "
    "aggregations that can be negative",
    "pass": "whether any of n is right: 1 - comb(G-c, n) / comb(G, n)",
    "random": "mean accuracy of a candidate",
    "n_above_candidates": "all candidates of the problem are used",
    "no_score": "ranks last and has weight 0",
    "no_answer": "does not vote; a vote without any answer is wrong",
    "same_answer": answers.RULE,
}
SUBSAMPLING_RULES = {
    "subsets": "mean over all n-subsets of the candidates, exact for best_of_n and pass; for votes "
    "over {draws} random ones",
    "prefix": "the first n candidates",
}


@dataclasses.dataclass(frozen=True)
class _Problem:
    """The candidates of one problem: outcomes, answer numbers, scores by aggregation."""

    correct_G: np.ndarray
    classes_G: list[int]
    scores_G: dict[str, list[float | None]]

    def first(self, n):
        """The problem with its first n candidates only."""
        scores = {method: values[:n] for method, values in self.scores_G.items()}
        return _Problem(self.correct_G[:n], self.classes_G[:n], scores)


def best_of_n(
    trajectories: Sequence[Trajectory],
    scores: Sequence[Sequence[float | None] | float | None],
    *,
    aggregation: Sequence[str] = ("min",),
    n: Sequence[int] | None = None,
    subsample: str = "subsets",
    draws: int = voting.DRAWS,
    n_boot: int = boot.N_BOOT,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Measures how often the candidate that step scores choose is right.

    Args:
        trajectories: candidates; those of one `group` compete.
        scores: per candidate its step probabilities, or one number that is its score under every
            aggregation.
        aggregation: names in AGGREGATIONS.
        n: numbers of candidates to choose among; by default the powers of two up to the largest
            group.
        subsample: 'subsets' or 'prefix'; SUBSAMPLING_RULES says what they are.
        draws: random subsets a problem for votes.
        n_boot, seed: of the intervals, bootstrapped over problems; `seed` also draws the subsets.
        progress: called with (problems judged, all), then with (problems of all sizes done, all).

    Returns:
        dict with `metrics` (those of the largest n, first aggregation), `by_n` (per n: random,
        majority, pass, and per aggregation best_of_n and weighted_majority with their paired
        difference to majority), `min_at_last_step`, `undefined` (why a figure is null),
        `rules`, `subsampling`, `counts`, `bootstrap`; figures are fractions.

    Raises:
        InputError: a candidate whose answer cannot be judged, or an unknown option.
    """
    for method in aggregation:
        check_method(method)
    if subsample not in voting.SUBSAMPLING:
        raise InputError(
            f"unknown rule {subsample!r}", field="subsample", remedy=f"one of {voting.SUBSAMPLING}"
        )
    problems = _problems(trajectories, scores, aggregation, progress)
    sizes_P = [len(problem.correct_G) for problem in problems]
    n = tuple(n or (1 << k for k in range(max(sizes_P).bit_length())))
    by_n = {}
    for done, size in enumerate(n):
        rows = []
        for index, problem in enumerate(problems):
            if progress:
                progress(done * len(problems) + index, len(n) * len(problems))
            used = problem.first(size) if subsample == "prefix" else problem
            rng = np.random.default_rng([seed, index, size])
            rows.append(_figures(used, size, draws, rng))
        by_n[str(size)] = _estimates(rows, aggregation, n_boot, seed)
    top = by_n[str(max(n))]
    last = share_of_min_at_last(scores)
    undefined = {}
    if top["aggregations"][aggregation[0]]["weighted_majority"] is None:
        undefined["weighted_majority"] = "a score is negative, so it is no weight of a vote"
    if last is None:
        undefined["min_at_last_step"] = "no solution of two steps or more has all its step scores"
    return {
        "metrics": {
            **{name: top[name] for name in ("random", "majority", "pass")},
            **top["aggregations"][aggregation[0]],
        },
        "metrics_of": {"n": max(n), "aggregation": aggregation[0]},
        "by_n": by_n,
        "aggregation": list(aggregation),
        "min_at_last_step": last,
        "undefined": undefined,
        "remarks": boot.without_interval(len(problems)),
        "rules": {**RULES, "clip": CLIP},
        "subsampling": {
            "name": subsample,
            "rule": SUBSAMPLING_RULES[subsample].format(draws=draws),
            "draws": draws if subsample == "subsets" else None,
            "seed": seed,
        },
        "counts": {
            "problems": len(problems),
            "candidates": len(trajectories),
            "candidates_per_problem": [min(sizes_P), max(sizes_P)],
            "without_answer": sum(p.classes_G.count(answers.NO_ANSWER) for p in problems),
            "without_score": sum(p.scores_G[aggregation[0]].count(None) for p in problems),
            "answers_judged_both_ways": sum(map(_judged_both_ways, problems)),
        },
        "bootstrap": boot.description(n_boot, seed),
    }


def _problems(trajectories, scores, aggregation, progress):
    number = boot.number([t.problem if t.group is None else t.group for t in trajectories])
    problems = []
    n_problems = int(number.max()) + 1
    for p in range(n_problems):
        rows = np.flatnonzero(number == p)
        problems.append(
            _Problem(
                np.array([is_right(trajectories[i]) for i in rows], np.float64),
                answers.answer_classes([trajectories[i].answer for i in rows]),
                {m: [solution_score(scores[i], m) for i in rows] for m in aggregation},
            )
        )
        if progress:
            progress(p + 1, n_problems)
    return problems


def _figures(problem, n, draws, rng):
    """Every figure of one problem for n candidates: {name or (name, aggregation): value}."""
    correct_G = problem.correct_G
    mask_RG = voting.subsets(len(correct_G), n, draws, rng)

    def vote(weights_G):
        return voting.vote_accuracy(problem.classes_G, weights_G, correct_G, mask_RG)

    figures: dict = {
        "random": correct_G.mean(),
        "majority": vote(np.ones(len(correct_G))),
        "pass": voting.pass_at_n(correct_G, n),
    }
    for method, scores_G in problem.scores_G.items():
        weights_G = [0.0 if s is None else s for s in scores_G]
        figures["best_of_n", method] = voting.best_of_n(scores_G, correct_G, n)
        signed = method in SIGNED or min(weights_G) < 0
        figures["weighted_majority", method] = np.nan if signed else vote(weights_G)
    return figures


def _estimates(rows, aggregation, n_boot, seed):
    """Means over problems with their intervals, and paired differences to majority."""
    names = list(rows[0])
    values_PM = np.array([[row[name] for name in names] for row in rows])
    values_PM = np.concatenate([values_PM, values_PM - values_PM[:, [names.index("majority")]]], 1)
    drawn_BM = boot.bootstrap(lambda w: w @ values_PM / len(rows), len(rows), n_boot, seed)
    means = [boot.estimate(*pair) for pair in zip(values_PM.mean(axis=0), drawn_BM.T, strict=True)]
    of, minus_majority = dict(zip(names, means)), dict(zip(names, means[len(names) :]))

    def compared(name):
        if of[name]["value"] is None:
            return None
        return {**of[name], "minus_majority": minus_majority[name]}

    return {
        **{name: of[name] for name in ("random", "majority", "pass")},
        "aggregations": {
            method: {name: compared((name, method)) for name in ("best_of_n", "weighted_majority")}
            for method in aggregation
        },
    }


def is_right(trajectory: Trajectory) -> bool:
    """Whether a candidate's answer is right: its outcome, else its answer against the gold one.

    Raises:
        InputError: it has neither.
    """
    require_truth(trajectory)
    if trajectory.outcome is not None:
        return bool(trajectory.outcome)
    return answers.same_answer(trajectory.answer or "", trajectory.gold or "")


def require_truth(trajectory: Trajectory) -> None:
    """Raises `InputError` if neither an outcome nor a gold answer tells whether it is right."""
    if trajectory.outcome is None and trajectory.gold is None:
        raise InputError(
            f"candidate {trajectory.id!r}: neither an outcome nor a gold answer",
            field="outcome",
            remedy="give outcome 0 or 1, or answer and gold",
        )


def solution_score(scores, method: str) -> float | None:
    """The score of a solution from its step scores, or as given; None if nothing was scored."""
    if scores is None or isinstance(scores, int | float):
        return scores
    return aggregate(scores, method) if any(p is not None for p in scores) else None


def share_of_min_at_last(scores) -> float | None:
    """Share of solutions of two steps or more whose lowest score is that of the last step alone.

    A large share hints at a model that judges outcomes (Zhang et al. 2025, arXiv:2501.07301).
    Solutions with a step that was not scored are left out; None if no solution is left.
    """
    full = [
        s
        for s in scores
        if isinstance(s, Sequence) and len(s) > 1 and all(p is not None for p in s)
    ]
    if not full:
        return None
    return float(np.mean([s[-1] < min(s[:-1]) for s in full]))


def _judged_both_ways(problem):
    """Number of answers of which one candidate counts as right and another as wrong."""
    classes_G = np.array(problem.classes_G)
    shares = [
        problem.correct_G[classes_G == c].mean()
        for c in set(problem.classes_G) - {answers.NO_ANSWER}
    ]
    return sum(0 < float(share) < 1 for share in shares)
