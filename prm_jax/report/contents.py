"""What a report shows: result tables, curves and labelled step scores as plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prm_jax.errors import InputError

Role = Literal["model", "baseline", "reference"]


@dataclass(frozen=True)
class Estimate:
    """One measured figure and, where it is known, its 95 % interval.

    Args:
        value: the point estimate, in the unit of its metric; NaN is shown as a dash.
        low: lower end of the interval, or None.
        high: upper end of the interval, or None.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Metric:
    """A column of a result table.

    Args:
        name: its heading, for example 'first-error F1'.
        percent: the estimates are fractions and are printed times 100.
        higher_is_better: the direction in which one method is ahead of another.
        explanation: one sentence that says how the figure is computed.
    """

    name: str
    percent: bool = True
    higher_is_better: bool = True
    explanation: str = ""


@dataclass(frozen=True)
class ResultRow:
    """The figures of one method.

    Args:
        method: its name.
        estimates: metric name -> Estimate; a metric that is not there is shown as a dash.
        role: 'model' is what the report is about, a 'baseline' is what it has to beat, a
            'reference' (such as pass@N) is only shown.
    """

    method: str
    estimates: Mapping[str, Estimate]
    role: Role = "baseline"


@dataclass(frozen=True)
class ResultTable:
    """Methods in rows, metrics in columns.

    Args:
        title: heading of the table.
        metrics: the columns, the most important first.
        rows: the methods; names are unique.
        note: one or two sentences below the table, such as the number of problems.
        row_heading: what the rows are: 'method', or 'family' where one model is broken down.
    """

    title: str
    metrics: tuple[Metric, ...]
    rows: tuple[ResultRow, ...]
    note: str = ""
    row_heading: str = "method"

    def __post_init__(self):
        known = {metric.name for metric in self.metrics}
        for row in self.rows:
            if unknown := sorted(set(row.estimates) - known):
                raise InputError(
                    f"{row.method!r} has figures for {unknown}, not columns of {self.title!r}",
                    remedy=f"columns are {sorted(known)}",
                )
        methods = [row.method for row in self.rows]
        if len(set(methods)) < len(methods):
            raise InputError(f"table {self.title!r} names a method twice: {methods}")


@dataclass(frozen=True)
class Curve:
    """One line of a panel.

    Args:
        name: its name in the legend.
        x: positions, ascending (training steps, numbers of candidates).
        y: values, as many as `x`; NaN leaves a gap.
        low: lower ends of the 95 % intervals, as many as `x`, or None.
        high: upper ends, or None.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None

    def __post_init__(self):
        for field in (self.y, self.low, self.high):
            if field is not None and len(field) != len(self.x):
                raise InputError(
                    f"curve {self.name!r} has {len(self.x)} positions, but {len(field)} values"
                )


@dataclass(frozen=True)
class Panel:
    """A set of axes with its curves.

    Args:
        title: heading of the panel.
        x_label: what the horizontal axis counts.
        y_label: what the vertical axis measures, with its unit.
        curves: the lines, the most important first.
        log2_x: the horizontal axis doubles from tick to tick.
        percent: values are fractions and are drawn times 100.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log2_x: bool = False
    percent: bool = False


@dataclass(frozen=True)
class LabelledScores:
    """Step scores whose truth is known.

    Args:
        scores: probabilities in [0, 1] that a step is right.
        labels: 1 for a right step, 0 for a wrong one, as many as `scores`.
    """

    scores: Sequence[float]
    labels: Sequence[float]

    def __post_init__(self):
        if len(self.scores) != len(self.labels):
            raise InputError(f"{len(self.scores)} scores, but {len(self.labels)} labels")
        if not set(self.labels) <= {0, 1}:
            raise InputError("a label is neither 0 nor 1", remedy="leave soft labels out")
