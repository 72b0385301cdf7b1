"""Measuring one method, a model or a baseline, on the parts of one source in the same way."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prm_jax.evaluate.best_of_n import best_of_n
from prm_jax.evaluate.processbench import (
    TUNING_RULE,
    known_first_error,
    processbench,
    tune_threshold,
)
from prm_jax.evaluate.step_metrics import steps
from prm_jax.records import Trajectory


@dataclasses.dataclass(frozen=True)
class Parts:
    """The data of one source: to train on, to tune thresholds on, to test on; candidates to choose
    from, none where the source has none. No problem is in two of the first three."""

    train: Sequence[Trajectory]
    validation: Sequence[Trajectory]
    test: Sequence[Trajectory]
    candidates: Sequence[Trajectory] = ()

    def items(self) -> dict[str, Sequence[Trajectory]]:
        """The parts by name, those that are empty left out."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: part for name, part in fields.items() if part}


def measure(
    parts: Parts,
    scores: Mapping[str, Sequence[Sequence[float | None]]],
    *,
    aggregation: str = "min",
    n: Sequence[int] = (1, 2, 4, 8),
    n_boot: int,
    seed: int = 0,
) -> dict:
    """First-error F1, step metrics and best-of-N of one method.

    Args:
        parts: the data.
        scores: step scores of 'validation', 'test' and, if there are any, 'candidates'.
        aggregation: how step scores become a solution's score.
        n: numbers of candidates.
        n_boot, seed: of the intervals.

    Returns:
        dict with `threshold` (tuned on the validation problems), `first_error` at that threshold,
        `first_error_at_half` at 0.5, `steps` and, with candidates, `best_of_n`.
    """
    boot: dict[str, Any] = dict(n_boot=n_boot, seed=seed)
    truth = [known_first_error(t) for t in parts.validation]
    tuned = tune_threshold(truth, scores["validation"])
    found = processbench(parts.test, scores["test"], threshold=tuned, **boot)
    found["threshold"] |= {"source": "tuned on the validation problems", "rule": TUNING_RULE}
    figures = {
        "threshold": found["threshold"],
        "first_error": found,
        "first_error_at_half": processbench(parts.test, scores["test"], threshold=0.5, **boot),
        "steps": steps(parts.test, scores["test"], **boot),
    }
    if parts.candidates:
        figures["best_of_n"] = best_of_n(
            parts.candidates, scores["candidates"], aggregation=(aggregation,), n=tuple(n), **boot
        )
    return figures


def auroc_by(
    kind_of: Callable[[Trajectory], str | None],
    trajectories: Sequence[Trajectory],
    scores: Sequence[Sequence[float | None]],
    *,
    n_boot: int,
    seed: int = 0,
) -> dict[str, dict]:
    """Step AUROC per kind of error: the steps of solutions with that kind and of right ones.

    Args:
        kind_of: the kind of error in a trajectory, None if it is right.
        trajectories, scores: as in `evaluate.steps`.
        n_boot, seed: of the intervals.

    Returns:
        {kind: {'solutions': number with that kind, 'auroc': {'value', 'low', 'high'}}}.
    """
    kinds = [kind_of(t) for t in trajectories]
    by_kind = {}
    for kind in sorted({kind for kind in kinds if kind}):
        rows = [i for i, other in enumerate(kinds) if other in (None, kind)]
        part, given = [trajectories[i] for i in rows], [scores[i] for i in rows]
        found = steps(part, given, n_boot=n_boot, seed=seed)
        by_kind[kind] = {"solutions": kinds.count(kind), "auroc": found["metrics"]["auroc"]}
    return by_kind
