"""Numbers and result tables as text cells for the page."""

import math
from dataclasses import dataclass

from prm_jax.report.contents import Estimate, Metric, ResultTable, Role

DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Cell:
    """One figure as it is printed.

    Args:
        text: the point estimate.
        interval: the interval in brackets, or ''.
        value: the estimate as given, for machines that read the page; None where there is none.
        best: the estimate is the best of the models and baselines in its column.
    """

    text: str
    interval: str
    value: float | None
    best: bool


@dataclass(frozen=True)
class Line:
    """One method and its cells, in the order of the table's metrics."""

    method: str
    role: Role
    cells: tuple[Cell, ...]


def format_value(value: float | None, metric: Metric) -> str:
    """Prints one decimal for percentages, three for other figures, a dash for what is not known."""
    if value is None or math.isnan(value):
        return DASH
    return f"{100 * value:.1f}" if metric.percent else f"{value:.3f}"


def format_interval(estimate: Estimate, metric: Metric) -> str:
    """Prints `[low, high]`, or '' where there is no interval."""
    if estimate.interval is None or math.isnan(estimate.value):
        return ""
    return f"[{', '.join(format_value(end, metric) for end in estimate.interval)}]"


def format_estimate(estimate: Estimate, metric: Metric) -> str:
    """Prints value and interval on one line, percentages with their sign."""
    unit = " %" if metric.percent else ""
    interval = format_interval(estimate, metric)
    return f"{format_value(estimate.value, metric)}{unit}" + (f" {interval}" if interval else "")


def table_lines(table: ResultTable) -> tuple[Line, ...]:
    """Formats the rows of a table; where there are baselines, the best of each column is marked.

    Args:
        table: the table; rows of role 'reference' take no part in the marking.

    Returns:
        One Line for each row, in the table's order.
    """
    best = {metric.name: _best_value(table, metric) for metric in table.metrics}
    lines = []
    for row in table.rows:
        cells = []
        for metric in table.metrics:
            estimate = row.estimates.get(metric.name)
            if estimate is None or math.isnan(estimate.value):
                cells.append(Cell(DASH, "", None, False))
                continue
            marked = row.role != "reference" and estimate.value == best[metric.name]
            text, interval = format_value(estimate.value, metric), format_interval(estimate, metric)
            cells.append(Cell(text, interval, float(estimate.value), marked))
        lines.append(Line(row.method, row.role, tuple(cells)))
    return tuple(lines)


def markdown(table: ResultTable) -> str:
    """The table as Markdown, one line a row, with intervals."""
    heads = [table.row_heading, *(metric.name for metric in table.metrics)]
    lines = [heads, ["---", *("---:" for _ in table.metrics)]]
    for row in table.rows:
        found = [(row.estimates.get(metric.name), metric) for metric in table.metrics]
        lines.append([row.method, *(format_estimate(e, m) if e else DASH for e, m in found)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _best_value(table, metric):
    estimates = [row.estimates.get(metric.name) for row in table.rows if row.role != "reference"]
    values = [e.value for e in estimates if e is not None and not math.isnan(e.value)]
    if len(values) < 2 or all(row.role != "baseline" for row in table.rows):
        return None
    return max(values) if metric.higher_is_better else min(values)
