"""The report's figures: intervals, curves, score distributions and reliability."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from matplotlib.ticker import MaxNLocator

from prm_jax.report.contents import Curve, LabelledScores, Metric, Panel, ResultTable
from prm_jax.report.svg import INK, RIGHT, SERIES, WRONG, Plot, draw
from prm_jax.report.tables import format_estimate

MAX_POINTS = 300
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)))
_MARKERS = "osD^vP"


def interval_plot(table: ResultTable, metric: Metric) -> Plot:
    """Draws each method's estimate of one metric as a point with its interval."""
    rows = [(row, row.estimates[metric.name]) for row in table.rows if metric.name in row.estimates]
    rows = [(row, estimate) for row, estimate in rows if not math.isnan(estimate.value)]
    scale = 100 if metric.percent else 1
    one_model = [row.role for row, _ in rows].count("model") == 1

    def paint(axes):
        for place, (row, estimate) in enumerate(rows):
            colour = SERIES[0] if row.role == "model" else INK
            if estimate.interval is not None:
                ends = [scale * end for end in estimate.interval]
                axes.plot(
                    ends, [place, place], color=colour, linewidth=3 if row.role == "model" else 1.5
                )
            marker = {"model": "o", "baseline": "s", "reference": "D"}[row.role]
            axes.plot([scale * estimate.value], [place], marker, color=colour, markersize=6)
            if row.role == "model" and one_model:
                axes.axvline(scale * estimate.value, color=SERIES[0], linewidth=0.7, linestyle=":")
        axes.set_yticks(range(len(rows)), [_shortened(row.method) for row, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(f"{metric.name}{', %' if metric.percent else ''}")

    figures = "; ".join(f"{row.method} {format_estimate(e, metric)}" for row, e in rows)
    return draw(metric.name, f"{figures}.", paint, height=0.9 + 0.29 * max(len(rows), 2))


def curve_plot(panel: Panel) -> Plot:
    """Draws a panel's curves, with bands where they have intervals.

    Curves of more than `MAX_POINTS` points are drawn as means over runs of neighbouring points.
    """
    scale = 100 if panel.percent else 1

    def paint(axes):
        for number, curve in enumerate(panel.curves):
            colour = SERIES[number % len(SERIES)]
            x, y = _thinned(curve.x), scale * _thinned(curve.y)
            marker = _MARKERS[number % len(_MARKERS)] if len(x) <= 40 else ""
            style = _LINES[number % len(_LINES)]
            axes.plot(
                x,
                y,
                linestyle=style,
                linewidth=1.3,
                marker=marker,
                markersize=4,
                color=colour,
                label=curve.name if len(panel.curves) > 1 else None,
            )
            if curve.low is not None and curve.high is not None:
                low, high = scale * _thinned(curve.low), scale * _thinned(curve.high)
                axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        if panel.log2_x:
            ticks = sorted({value for curve in panel.curves for value in curve.x})
            axes.set_xscale("log", base=2)
            axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
            axes.minorticks_off()
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel(panel.x_label)
        axes.set_ylabel(panel.y_label)

    ends = [(curve.name, _last_finite(curve.y)) for curve in panel.curves]
    text = "; ".join(f"{name} ends at {scale * value:.4g}" for name, value in ends)
    description = f"{panel.y_label} over {panel.x_label}. {text}."
    return draw(panel.title, description, paint)


def score_distribution(steps: LabelledScores, threshold: float = 0.5, bins: int = 20) -> Plot:
    """Draws the scores of right and of wrong steps, each as shares of its own class."""
    scores, right = _as_arrays(steps)
    edges = np.linspace(0, 1, bins + 1)

    def paint(axes):
        classes = (("right steps", right, RIGHT, None), ("wrong steps", ~right, WRONG, "////"))
        for name, members, colour, hatch in classes:
            if not members.any():
                continue
            shares = 100 * np.histogram(scores[members], edges)[0] / members.sum()
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.3)
            axes.stairs(
                shares,
                edges,
                color=colour,
                linewidth=1.5,
                hatch=hatch,
                label=f"{name} (n = {members.sum():,})",
            )
        axes.axvline(
            threshold, color=INK, linewidth=1, linestyle="--", label=f"threshold {threshold:g}"
        )
        axes.set_xlim(0, 1)
        axes.set_xlabel("step score")
        axes.set_ylabel("share of the class, %")

    caught = _share(scores[~right] < threshold)
    blamed = _share(scores[right] < threshold)
    description = (
        f"Below the threshold lie {caught} of the wrong steps and {blamed} of the right steps."
    )
    return draw("Scores of right and wrong steps", description, paint)


def reliability_plot(steps: LabelledScores, bins: int = 10) -> Plot:
    """Draws the share of right steps against the mean score in bins of equal size.

    Bars are 95 % Wilson intervals.
    """
    scores, right = _as_arrays(steps)
    groups = np.array_split(np.argsort(scores, kind="stable"), min(bins, len(scores)))
    mean_score = np.array([scores[group].mean() for group in groups])
    share = np.array([right[group].mean() for group in groups])
    low, high = wilson_interval(share, np.array([len(group) for group in groups]))

    pairs = "; ".join(f"{m:.2f}: {s:.2f}" for m, s in zip(mean_score, share, strict=True))
    return calibration_plot(
        "Reliability",
        f"Mean score and share of right steps by bin: {pairs}.",
        [Curve("model", *(x.tolist() for x in (mean_score, share, low, high)))],
        x_label="mean step score of the bin",
        y_label="share of right steps",
    )


def calibration_plot(
    title: str,
    description: str,
    curves: Sequence[Curve],
    *,
    x_label: str,
    y_label: str,
    x_from: float = 0.0,
) -> Plot:
    """Draws observed shares against probabilities, and the diagonal where they are equal.

    Args:
        title, description: as in `draw`.
        curves: mean probabilities and shares of bins; only the first one's intervals are drawn, so
            that others can be told apart.
        x_label, y_label: of the axes.
        x_from: where the horizontal axis begins.
    """

    def paint(axes):
        axes.plot(
            [0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--", label="perfect calibration"
        )
        for number, curve in enumerate(curves):
            colour = SERIES[number % len(SERIES)]
            if number == 0 and curve.low is not None:
                axes.vlines(curve.x, curve.low, curve.high, color=colour, linewidth=1.5)
            axes.plot(
                curve.x,
                curve.y,
                linestyle=_LINES[number % len(_LINES)],
                marker=_MARKERS[number % len(_MARKERS)],
                color=colour,
                markersize=4,
                linewidth=1,
                label=curve.name,
            )
        axes.set_xlim(x_from - 0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)

    return draw(title, description, paint)


def wilson_interval(share: np.ndarray, n: np.ndarray, level: float = 0.95):
    """Gives the score interval of a binomial share (Wilson 1927).

    Args:
        share: f64[K], successes over trials.
        n: i64[K], trials.
        level: coverage of the interval.

    Returns:
        Lower and upper ends, f64[K] each, within [0, 1].
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def _as_arrays(steps):
    return np.asarray(steps.scores, np.float64), np.asarray(steps.labels) == 1


def _share(mask):
    return "none" if not len(mask) else f"{100 * mask.mean():.1f} %"


def _shortened(name, width=26):
    return name if len(name) <= width else name[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _last_finite(values):
    finite = [value for value in values if math.isfinite(value)]
    return finite[-1] if finite else math.nan


def _thinned(values):
    values = np.asarray(values, np.float64)
    if len(values) <= MAX_POINTS:
        return values
    return np.array([run.mean() for run in np.array_split(values, MAX_POINTS)])
