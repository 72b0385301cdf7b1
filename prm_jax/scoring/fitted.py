"""Parameters of scorers fitted on a scored file, as the line of the scorer that has them.

    temperature         log-odds of steps against their labels
    length_debiased     log-odds of solutions against their length
    dimensions          log-odds of solutions by several scorers against their outcomes

The scores and what is fitted are those of some data: use other data than is scored with the line.
"""

from collections.abc import Sequence

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring.aggregation import logit
from prm_jax.scoring.dimension_weights import fit_dimensions
from prm_jax.scoring.length_debiased import fit_length, solution_length, solution_logit
from prm_jax.scoring.temperature import fit_temperature


def temperature_line(
    scorer: str, step_scores: Sequence[Sequence[float | None]], trajectories: Sequence[Trajectory]
) -> str:
    """The line that calibrates a scorer.

    Args:
        scorer: the line that gave the scores.
        step_scores: per trajectory a probability a step, None where there is none.
        trajectories: their `step_labels()` are fitted; steps without score or label are left out.

    Returns:
        Such as 'temperature(discriminative, value=1.7)'.

    Raises:
        InputError: no step has both a score and a label.
    """
    pairs = [
        (logit(p), label)
        for scores, trajectory in zip(step_scores, trajectories, strict=True)
        for p, label in zip(scores, trajectory.step_labels(), strict=True)
        if p is not None and label is not None
    ]
    if not pairs:
        raise InputError("no step has both a score and a label", field="labels")
    return f"temperature({scorer}, value={fit_temperature(*zip(*pairs)):.6g})"


def length_debiased_line(
    scorer: str,
    step_scores: Sequence[Sequence[float | None]],
    trajectories: Sequence[Trajectory],
    *,
    aggregation: str = "min",
    measure: str = "characters",
    tokenizer=None,
) -> str:
    """The line that takes the length of solutions out of their scores.

    Args:
        scorer: the line that gave the scores.
        step_scores: per trajectory a probability a step, None where there is none.
        trajectories: the solutions.
        aggregation, measure, tokenizer: as in `length_debiased` and `solution_length`.

    Returns:
        Such as 'length_debiased(discriminative, slope=-0.01, centre=210, aggregation='min',
        measure='characters')'.

    Raises:
        InputError: there are not two different lengths among scored solutions.
    """
    logits = [solution_logit(scores, aggregation) for scores in step_scores]
    lengths = [solution_length(trajectory, measure, tokenizer) for trajectory in trajectories]
    fit = fit_length(logits, lengths)
    return (
        f"length_debiased({scorer}, slope={fit.slope:.6g}, centre={fit.centre:.6g}, "
        f"aggregation={aggregation!r}, measure={measure!r})"
    )


def dimensions_line(
    scorers: Sequence[str],
    step_scores: Sequence[Sequence[Sequence[float | None]]],
    trajectories: Sequence[Trajectory],
    *,
    aggregation: str = "mean",
) -> str:
    """The line that sums several scorers.

    Args:
        scorers: the lines that gave the scores.
        step_scores: a row a scorer, of the step scores of each trajectory.
        trajectories: the solutions; those without an outcome are left out.
        aggregation: as in `dimensions`.

    Returns:
        Such as 'dimensions(mean_log_prob, relevance, weights=(0.7, 0.3), centres=(0.1, 2.1),
        scales=(0.4, 0.6), aggregation='mean')'.

    Raises:
        InputError: as `fit_dimensions`.
    """
    logits = [[solution_logit(scores, aggregation) for scores in row] for row in step_scores]
    fit = fit_dimensions(logits, [trajectory.outcome for trajectory in trajectories])

    def numbers(values):
        return f"({', '.join(f'{value:.6g}' for value in values)})"

    return (
        f"dimensions({', '.join(scorers)}, weights={numbers(fit.weights)}, "
        f"centres={numbers(fit.centres)}, scales={numbers(fit.scales)}, "
        f"aggregation={aggregation!r})"
    )
