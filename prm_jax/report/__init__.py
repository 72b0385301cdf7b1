"""Reports for people: result tables, plots and coloured solutions on one HTML page."""

from prm_jax.report.contents import (
    Curve,
    Estimate,
    LabelledScores,
    Metric,
    Panel,
    ResultRow,
    ResultTable,
)
from prm_jax.report.from_scores import estimate_of, labelled_scores, report_from_scores
from prm_jax.report.page import solutions_html, write_report
from prm_jax.report.steps import (
    OUTCOMES,
    ScoredSolution,
    choose_solutions,
    count_outcomes,
    scored_solution,
)
from prm_jax.report.training_log import training_panels
from prm_jax.report.verdict import Comparison, compare

__all__ = [
    "OUTCOMES",
    "Comparison",
    "Curve",
    "Estimate",
    "LabelledScores",
    "Metric",
    "Panel",
    "ResultRow",
    "ResultTable",
    "ScoredSolution",
    "choose_solutions",
    "compare",
    "count_outcomes",
    "estimate_of",
    "labelled_scores",
    "report_from_scores",
    "scored_solution",
    "solutions_html",
    "training_panels",
    "write_report",
]
