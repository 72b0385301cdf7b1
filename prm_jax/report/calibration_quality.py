"""Tables and figures of how far judgements can be trusted, for one method or beside baselines."""

from collections.abc import Callable, Mapping

from prm_jax.calibration.metrics import (
    AdmittedTable,
    Cell,
    adaptive_calibration_error,
    admitted_table,
    aurc,
    brier,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
    risk_coverage,
)
from prm_jax.report.contents import Curve, Estimate, Metric, Panel, ResultRow, ResultTable
from prm_jax.report.judged_rows import LabelledRows
from prm_jax.report.plots import calibration_plot, curve_plot
from prm_jax.report.svg import Plot
from prm_jax.report.tables import DASH, format_estimate, format_value


def _error(name, explanation):
    return Metric(name, percent=False, higher_is_better=False, explanation=explanation)


ACCURACY = Metric("accuracy", explanation="Share of right predictions.")
MEASURES: Mapping[Metric, Callable[[LabelledRows], float]] = {
    ACCURACY: lambda rows: rows.correct.mean(),
    _error(
        "ECE",
        "Mean distance between the probability of the prediction and accuracy, over 15 bins of "
        "equal mass.",
    ): lambda rows: expected_calibration_error(rows.of_prediction, rows.correct),
    _error(
        "ACE", "The same distance for the probability of each class, averaged over classes."
    ): lambda rows: adaptive_calibration_error(rows.probability, rows.label),
    _error(
        "Brier score",
        "Mean squared distance of the probabilities to the truth, summed over classes; 0.5 for a "
        "coin.",
    ): lambda rows: brier(rows.probability, rows.label),
    _error(
        "log loss", "Mean of -ln of the true class's probability; 0.693 for a coin."
    ): lambda rows: negative_log_likelihood(rows.probability, rows.label),
    _error(
        "AURC",
        "Area under the risk-coverage curve; for a score that ranks nothing, the share of wrong "
        "predictions.",
    ): lambda rows: aurc(rows.score, rows.correct),
}
BESIDE = 4
"""Others that are drawn in one figure."""
CELLS = {
    "all": "all admitted",
    "label=1": "truly right",
    "label=0": "truly wrong",
    "prediction=1": "predicted right",
    "prediction=0": "predicted wrong",
}
VERDICTS = {
    "holds": "at least what was asked for",
    "within": "below, but not beyond its interval",
    "below": "below what was asked for",
    DASH: "none admitted",
}


def quality_table(methods: Mapping[str, LabelledRows], unit: str) -> ResultTable:
    """MEASURES of every method on all labelled rows, admitted or not; the first is the model."""
    rows = tuple(
        ResultRow(
            name,
            {metric.name: Estimate(float(of(rows))) for metric, of in MEASURES.items()},
            "baseline" if number else "model",
        )
        for number, (name, rows) in enumerate(methods.items())
    )
    n = len(next(iter(methods.values())).label)
    note = f"On all {n:,} {unit}s with a label, admitted or not."
    return ResultTable("Probabilities", tuple(MEASURES), rows, note)


def quality_plots(methods: Mapping[str, LabelledRows]) -> list[Plot]:
    """Reliability diagrams and risk-coverage curves.

    Args:
        methods: the model first; it is drawn beside every few of the others, since a figure has
            only so many colours.
    """
    (model, rows), *others = methods.items()
    parts = [others[n : n + BESIDE] for n in range(0, len(others), BESIDE)] or [[]]
    shown = [{model: rows, **dict(part)} for part in parts]
    return [*map(_reliability, shown), *map(_risk, shown)]


def _reliability(methods) -> Plot:
    bins = {name: reliability(rows.of_prediction, rows.correct) for name, rows in methods.items()}
    said = []
    for name, of in bins.items():
        pairs = zip(of["probability"], of["accuracy"])
        said.append(f"{name} " + "; ".join(f"{p:.2f}: {a:.2f}" for p, a in pairs))
    return calibration_plot(
        "Reliability",
        f"Mean probability of the prediction and accuracy by bin: {'. '.join(said)}.",
        [
            Curve(name, *(of[key].tolist() for key in ("probability", "accuracy", "low", "high")))
            for name, of in bins.items()
        ],
        x_label="mean probability of the prediction",
        y_label="share of right predictions",
        x_from=0.5,
    )


def _risk(methods) -> Plot:
    curves = []
    for name, rows in methods.items():
        coverage_K, risk_K = risk_coverage(rows.score, rows.correct)
        curves.append(Curve(name, (100 * coverage_K).tolist(), risk_K.tolist()))
    (name, rows), *_ = methods.items()
    if rows.admitted.any():
        risk = float(1 - rows.correct[rows.admitted].mean())
        curves.append(Curve(f"{name}, admitted", [100 * float(rows.admitted.mean())], [risk]))
    panel = Panel(
        "Risk and coverage",
        "share of highest probability, %",
        "wrong predictions in it, %",
        tuple(curves),
        percent=True,
    )
    return curve_plot(panel)


def admission(rows: LabelledRows, alpha: float) -> AdmittedTable:
    """The accuracy of admitted rows in all cells."""
    return admitted_table(
        rows.prediction, rows.label, rows.admitted, alpha, rows.probability.shape[1]
    )


def cell_view(cell: Cell) -> dict:
    """A cell as the page prints it; one without rows has no verdict."""
    accuracy = DASH
    verdict = cell.verdict if cell.rows else DASH
    if cell.accuracy is not None:
        accuracy = format_estimate(Estimate(cell.accuracy, cell.low, cell.high), ACCURACY)
    return {
        "name": CELLS.get(cell.name, cell.name),
        "rows": f"{cell.rows:,}",
        "accuracy": accuracy,
        "share": format_value(cell.accuracy, ACCURACY),
        "interval": f"[{100 * cell.low:.1f}, {100 * cell.high:.1f}]" if cell.rows else "",
        "value": cell.accuracy,
        "verdict": verdict,
        "meaning": VERDICTS[verdict],
    }


def compared_view(methods: Mapping[str, LabelledRows], alpha: float) -> list[dict]:
    """What every method admits: its share, and the accuracy of each cell."""
    found = {name: admission(rows, alpha) for name, rows in methods.items()}
    return [
        {
            "name": name,
            "share": format_value(table.share, ACCURACY),
            "cells": [cell_view(cell) for cell in table.rows],
        }
        for name, table in found.items()
    ]
