"""Curves from a run's metrics.jsonl."""

import json

import pytest

from prm_jax.errors import InputError
from prm_jax.report.training_log import training_panels


def _write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_metrics_are_grouped_by_what_they_measure(tmp_path):
    rows = [
        {"step": 1, "loss": 0.7, "learning_rate": 1e-4, "tokens_per_second": 900.0},
        {"step": 2, "loss": 0.6, "learning_rate": 2e-4},
        {"step": 2, "validation/loss": 0.65, "validation/auroc": 0.8, "best": True},
    ]
    panels = training_panels(_write(tmp_path / "metrics.jsonl", rows))
    assert [panel.title for panel in panels] == ["Loss", "Step AUROC", "Learning rate"]
    loss = {curve.name: (list(curve.x), list(curve.y)) for curve in panels[0].curves}
    assert loss == {"training": ([1, 2], [0.7, 0.6]), "validation": ([2], [0.65])}
    assert list(panels[1].curves[0].y) == [0.8] and panels[1].curves[0].name == "validation"


def test_after_a_restart_the_later_line_counts(tmp_path):
    rows = [{"step": s, "loss": v} for s, v in [(1, 0.9), (2, 0.8), (3, 0.7), (2, 0.5), (3, 0.4)]]
    (panel,) = training_panels(_write(tmp_path / "metrics.jsonl", rows))
    assert (list(panel.curves[0].x), list(panel.curves[0].y)) == ([1, 2, 3], [0.9, 0.5, 0.4])


def test_a_line_without_a_step_is_named(tmp_path):
    with pytest.raises(InputError, match=r"metrics\.jsonl:2: field 'step'"):
        training_panels(
            _write(tmp_path / "metrics.jsonl", [{"step": 1, "loss": 1.0}, {"loss": 2.0}])
        )
