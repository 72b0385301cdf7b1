"""Says in words which baselines a model beats, from the numbers of a result table."""

import math
from dataclasses import dataclass

from prm_jax.report.contents import Estimate, Metric, ResultTable
from prm_jax.report.tables import format_estimate


@dataclass(frozen=True)
class Comparison:
    """One model against every baseline of a table in one metric.

    Args:
        model: name of the model.
        metric: the metric compared.
        estimate: the model's figure.
        strongest: name and figure of the baseline with the best value.
        ahead: baselines whose interval lies wholly on the worse side of the model's interval.
        behind: baselines whose interval lies wholly on the better side.
        undecided: baselines whose interval overlaps the model's.
        sentence: the same in plain words, with the figures.
    """

    model: str
    metric: Metric
    estimate: Estimate
    strongest: tuple[str, Estimate]
    ahead: tuple[str, ...]
    behind: tuple[str, ...]
    undecided: tuple[str, ...]
    sentence: str


def is_ahead(a: Estimate, b: Estimate, higher_is_better: bool = True) -> bool:
    """Whether the interval of `a` lies wholly on the better side of that of `b`.

    An estimate without an interval is a point.
    """
    if higher_is_better:
        a_worst, b_best = a.low, b.high
    else:
        a_worst, b_best = a.high, b.low
    a_worst = a.value if a_worst is None else a_worst
    b_best = b.value if b_best is None else b_best
    return a_worst > b_best if higher_is_better else a_worst < b_best


def compare(table: ResultTable, metric: Metric) -> Comparison | None:
    """Compares the first row of role 'model' with all baselines that have the metric.

    Returns:
        The comparison, or None where the table has no model or no baseline with a finite figure.
    """

    def usable(role):
        found = [
            (row.method, row.estimates.get(metric.name)) for row in table.rows if row.role == role
        ]
        return [(name, e) for name, e in found if e is not None and not math.isnan(e.value)]

    models, baselines = usable("model"), usable("baseline")
    if not models or not baselines:
        return None
    model, estimate = models[0]
    up = metric.higher_is_better
    ahead = tuple(name for name, other in baselines if is_ahead(estimate, other, up))
    behind = tuple(name for name, other in baselines if is_ahead(other, estimate, up))
    undecided = tuple(name for name, _ in baselines if name not in ahead + behind)
    best = (max if up else min)(baselines, key=lambda pair: pair[1].value)
    sentence = _sentence(model, metric, estimate, best, len(baselines), ahead, behind, undecided)
    return Comparison(model, metric, estimate, best, ahead, behind, undecided, sentence)


def _sentence(model, metric, estimate, best, n_baselines, ahead, behind, undecided):
    figures = f"{format_estimate(estimate, metric)}; strongest baseline, {best[0]}: "
    figures += format_estimate(best[1], metric)
    if len(ahead) == n_baselines:
        which = {1: "the baseline", 2: "both baselines"}.get(
            n_baselines, f"all {n_baselines} baselines"
        )
        return f"{model} beats {which} in {metric.name} beyond the 95 % intervals ({figures})."
    parts = [f"does not beat every baseline in {metric.name} beyond the 95 % intervals"]
    for verb, names in (("ahead of", ahead), ("not separable from", undecided), ("behind", behind)):
        if names:
            parts.append(f"{verb} {_listed(names)}")
    return f"{model} {parts[0]}: {'; '.join(parts[1:])} ({figures})."


def _listed(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
