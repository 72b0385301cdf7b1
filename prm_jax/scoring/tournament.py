"""Ranking candidates by comparing two at a time.

method            comparisons of n        source: arXiv:2306.17563 (pairwise ranking prompting)
all_pairs         n (n - 1) / 2           points: 1 a win, 1/2 a tie
sorting           O(n log n)              a merge sort, where the source has a heap sort
sliding_window    passes (n - 1)          bubble passes from the last to the first; k passes find
                                          the first k of candidates that have an order

Every pair is asked in both orders and the mean counts, P(i) = (c(i, j) + 1 - c(j, i)) / 2, so a
liking for the first place cancels; this is ours, the source counts disagreement as a tie. P above
1/2 is a win of i. A pair is never asked twice.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence

from prm_jax.errors import InputError

METHODS = ("all_pairs", "sorting", "sliding_window")
TIE = 1e-5
"""Answers in both orders that differ by no more tie: another batch may change as much."""
Pair = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Tournament:
    """What a tournament found.

    Fields:
        ranking: candidates from best to worst; equal ones in the order given.
        points: per candidate, from 0 (beaten by all) to 1 (beats all): the share of comparisons won
            of 'all_pairs', else the place in the ranking; 0.5 for a single candidate.
        comparisons: pairs that were compared, each by two questions.
        ties: pairs of them without a winner.
    """

    ranking: tuple[int, ...]
    points: tuple[float, ...]
    comparisons: int
    ties: int


def tournament(
    n: int,
    compare: Callable[[Sequence[Pair]], Sequence[float]],
    method: str = "all_pairs",
    *,
    passes: int = 1,
) -> Tournament:
    """Ranks n candidates.

    With comparisons that contradict each other (a beats b beats c beats a) 'sorting' and
    'sliding_window' depend on the order of the candidates, 'all_pairs' does not.

    Args:
        n: number of candidates, 0 or more.
        compare: takes pairs of candidate numbers; gives for each the probability in [0, 1] that the
            first is the better one when it is read first. It is called once for 'all_pairs', for
            the others once a pair.
        method: a name in METHODS.
        passes: of 'sliding_window'.

    Returns:
        `Tournament`.

    Raises:
        InputError: the method is unknown, or there are no passes.
    """
    check_tournament(method, passes)
    judge = _Judge(compare)
    order = list(range(n))
    if method == "all_pairs":
        judge.ask(list(itertools.combinations(order, 2)))
        wins = [sum(judge.verdict(i, j) for j in order if j != i) for i in order]
        points = [won / (n - 1) if n > 1 else 0.5 for won in wins]
        order.sort(key=lambda i: -points[i])
    else:
        if method == "sorting":
            order.sort(key=functools.cmp_to_key(judge.order))
        else:
            _slide(order, judge, passes)
        place = {candidate: rank for rank, candidate in enumerate(order)}
        points = [1 - place[i] / (n - 1) if n > 1 else 0.5 for i in range(n)]
    return Tournament(tuple(order), tuple(points), len(judge.verdicts), judge.ties())


def check_tournament(method: str, passes: int) -> None:
    """Raises `InputError` for what `tournament` does not take."""
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}", field="method", remedy=f"one of {METHODS}")
    if passes < 1:
        raise InputError(f"{passes} passes", field="passes", remedy="give 1 or more")


def _slide(order, judge, passes):
    for done in range(min(passes, len(order) - 1)):
        for i in range(len(order) - 1, done, -1):  # the first `done` places are settled
            if judge.order(order[i], order[i - 1]) < 0:
                order[i - 1], order[i] = order[i], order[i - 1]


class _Judge:
    """Asks each pair once, in both orders, and remembers who won."""

    def __init__(self, compare):
        self._compare = compare
        self.verdicts: dict[Pair, float] = {}

    def ask(self, pairs):
        """Compares pairs of (smaller, larger) number in one call."""
        if not pairs:
            return
        answers = self._compare([*pairs, *((j, i) for i, j in pairs)])
        there, back = answers[: len(pairs)], answers[len(pairs) :]
        for pair, first, second in zip(pairs, there, back, strict=True):
            tied = abs(first - second) <= TIE
            self.verdicts[pair] = 0.5 if tied else float(first > second)

    def verdict(self, i, j):
        """1 if i beats j, 0 if j beats i, 0.5 for a tie."""
        pair = (min(i, j), max(i, j))
        if pair not in self.verdicts:
            self.ask([pair])
        return self.verdicts[pair] if i < j else 1 - self.verdicts[pair]

    def order(self, i, j):
        """Below 0 if i comes first."""
        return 1 - 2 * self.verdict(i, j)

    def ties(self):
        """Pairs without a winner."""
        return sum(verdict == 0.5 for verdict in self.verdicts.values())
