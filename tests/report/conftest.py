"""One small report with everything in it."""

import pytest

from prm_jax.report import (
    Curve,
    Estimate,
    LabelledScores,
    Metric,
    Panel,
    ResultRow,
    ResultTable,
    ScoredSolution,
    count_outcomes,
)

F1 = Metric("first-error F1", explanation="Harmonic mean of two shares.")
AUROC = Metric("step AUROC", percent=False)


@pytest.fixture
def table():
    return ResultTable(
        "Held-out problems",
        (F1, AUROC),
        (
            ResultRow(
                "PRM",
                {
                    F1.name: Estimate(0.71234, 0.68111, 0.75222),
                    AUROC.name: Estimate(0.93211, 0.921, 0.944),
                },
                "model",
            ),
            ResultRow(
                "random",
                {
                    F1.name: Estimate(0.11111, 0.09, 0.13),
                    AUROC.name: Estimate(0.50211, 0.48, 0.52),
                },
            ),
            ResultRow("majority", {F1.name: Estimate(0.0, 0.0, 0.0)}),
        ),
        note="400 problems.",
    )


@pytest.fixture
def solutions():
    return [
        ScoredSolution(
            "2 + 3 + 4?",
            ("2 + 3 = 5", "5 + 4 = 10", "So 10."),
            (0.9712, 0.1234, 0.5),
            (1.0, 0.0, None),
            first_error=1,
            predicted=1,
            answer="10",
            gold="9",
            family="arithmetic",
            id="a-1",
            error_kind="dropped_carry",
        ),
        ScoredSolution(
            "6 * 7?",
            ("6 * 7 = 42", "So 42.", "Done."),
            (0.3456, 0.7, None),
            (1.0, 1.0, 1.0),
            first_error=-1,
            predicted=0,
            answer="42",
            gold="42",
            family="products",
            id="p-1",
        ),
        ScoredSolution("1 + 1?", ("3",), (0.8,), (0.0,), first_error=0, predicted=-1),
    ]


@pytest.fixture
def content(table, solutions):
    """The keyword arguments of `write_report`."""
    panel = Panel(
        "Loss",
        "training step",
        "loss",
        (Curve("training", [1, 2, 3], [0.7, 0.5, 0.4]), Curve("validation", [1, 3], [0.71, 0.45])),
    )
    choice = Panel(
        "Accuracy",
        "candidates N",
        "accuracy, %",
        (Curve("PRM", [1, 2, 4], [0.5, 0.6, 0.7], [0.4, 0.5, 0.6], [0.6, 0.7, 0.8]),),
        log2_x=True,
        percent=True,
    )
    return {
        "title": "A report",
        "summary": ["A model was trained."],
        "tables": [table],
        "training": [panel],
        "selection": [choice],
        "steps": LabelledScores([0.9, 0.8, 0.3, 0.2, 0.6], [1, 1, 0, 0, 1]),
        "solutions": solutions,
        "solutions_note": "All of them.",
        "outcomes": count_outcomes(solutions),
        "details": {"Run": {"seed": 3, "command": "python -m x"}, "Configuration": '{"a": 1}'},
    }
