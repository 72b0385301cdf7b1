"""Reads the metrics of a training run into the panels of a report."""

import re
from pathlib import Path

from prm_jax.json_values import number
from prm_jax.records import read_jsonl
from prm_jax.report.contents import Curve, Panel

# Ending of a metric's name -> title and vertical axis of its panel; other metrics are not drawn.
PANELS = {
    "loss": ("Loss", "loss, nats"),
    "auroc": ("Step AUROC", "AUROC"),
    "accuracy": ("Step accuracy", "accuracy"),
    "learning_rate": ("Learning rate", "learning rate"),
}


def training_panels(path: str | Path) -> tuple[Panel, ...]:
    """Reads `metrics.jsonl` and groups its curves by what they measure.

    A metric is named by what it measures, after an optional prefix such as `validation/` that names
    its curve. Where a step occurs twice, as after a restart, the later line counts.

    Args:
        path: JSON lines with an integer `step` and numbers by name.

    Returns:
        One panel for each entry of `PANELS` that the run logged, in that order.

    Raises:
        InputError: the file cannot be read, or a line has no step.
    """
    values: dict[str, dict[int, float]] = {}
    for where, row in read_jsonl(path):
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            raise where.error(
                "is not an integer", field="step", remedy="give the training step in every line"
            )
        for name, value in row.items():
            if name != "step" and number(value) is not None:
                values.setdefault(name, {})[row["step"]] = float(value)
    panels = []
    for ending, (title, label) in PANELS.items():
        curves = []
        for name in sorted(values):
            match = re.fullmatch(rf"(?:(.+?)[/_.])?{ending}", name)
            if match:
                points = sorted(values[name].items())
                curves.append(
                    Curve(match[1] or "training", [s for s, _ in points], [v for _, v in points])
                )
        if curves:
            panels.append(Panel(title, "training step", label, tuple(curves)))
    return tuple(panels)
