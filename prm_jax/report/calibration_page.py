"""Writes one HTML page about a judged file: what is admitted, how right it is, and each step."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prm_jax.calibration.metrics import binomial_interval
from prm_jax.calibration.sdm import DEFAULTS
from prm_jax.records import Trajectory, read_jsonl
from prm_jax.report.calibration_quality import (
    ACCURACY,
    VERDICTS,
    admission,
    cell_view,
    compared_view,
    quality_plots,
    quality_table,
)
from prm_jax.report.calibration_template import CALIBRATION
from prm_jax.report.contents import Estimate
from prm_jax.report.judged_rows import JudgedRows, judged_rows
from prm_jax.report.page import clipped, render_solutions, solution_view, table_view, write_html
from prm_jax.report.steps import choose_solutions, scored_solution
from prm_jax.report.tables import DASH, format_estimate
from prm_jax.scoring.inputs import read_identified

MODEL = "SDM"
EXEMPLAR_CHARACTERS = 400
REASONS = {
    "admitted": "the prediction is as accurate as was asked for, by the calibration half",
    "below the level": "only a lower level admits it",
    "no region": "no level admits it",
    "too few rows": "what would admit it rests on too few calibration rows",
    "zero similarity": "nothing near it is predicted as it is and rightly: far from what is known",
}
THRESHOLD = 0.5


def write_calibration_page(
    path: str | Path,
    trajectories: Sequence[Trajectory],
    lines: Sequence[Mapping],
    meta: Mapping[str, Any],
    *,
    labelled: Sequence[Trajectory] = (),
    title: str = "Calibration",
    n_solutions: int = 12,
    seed: int = 0,
    details: Mapping[str, Mapping | str] | None = None,
) -> Path:
    """Writes the page; what needs labels is left out, and said to be, where the input has none.

    Args:
        path: the HTML file; it appears whole or not at all.
        trajectories: the solutions that were judged, with ids; their step labels (their outcomes,
            where solutions were judged) are the truth.
        lines: one a trajectory in the same order, as `calibrate_file` writes them; the baselines
            in them are shown beside the estimator.
        meta: what `calibrate_file` returned.
        labelled: the calibration solutions, with ids, whose steps the lines may name as nearest.
        title: heading of the page.
        n_solutions: how many solutions to show.
        seed: seed of their choice.
        details: heading -> facts, or heading -> a longer text.

    Returns:
        The path written.

    Raises:
        InputError: the lines do not fit the solutions, or the page is too large.
    """
    rows = judged_rows(trajectories, lines)
    alpha = float({**DEFAULTS, **meta["hyper"]}["alpha"])
    known = bool((rows.label >= 0).any())
    methods = {MODEL: rows.labelled()} if known else {}
    if known:
        methods |= {name: rows.labelled(name) for name in rows.baselines}
    table = admission(methods[MODEL], alpha) if known else None
    views = _solutions(trajectories, lines, rows, labelled, n_solutions, seed)
    sections = {"admission": "Admission", "solutions": "Solutions", "details": "Reproduce"}
    if known:
        sections = {"admission": "Admission", "quality": "Probabilities", **sections}
    return write_html(
        path,
        CALIBRATION,
        title=title,
        summary=_summary(rows, lines, meta, alpha),
        headline=_headline(table, rows.unit) if table else None,
        sections=list(sections.items()),
        unit=rows.unit,
        truth="a label" if rows.unit == "step" else "an outcome",
        alpha=f"{100 * alpha:g}",
        cells=[cell_view(cell) for cell in table.rows] if table else [],
        verdicts=list(VERDICTS.items()),
        reasons=_reasons(rows),
        levels=_levels(rows, meta),
        compared=compared_view(methods, alpha) if len(methods) > 1 else [],
        quality=table_view(quality_table(methods, rows.unit)) if known else None,
        plots=quality_plots(methods) if known else [],
        solutions_html=render_solutions(views, THRESHOLD, judged=True),
        solutions_note=f"{len(views)} of {len(trajectories):,}, taken in turn from every outcome "
        f"and source and otherwise by chance (seed {seed}). The nearest labelled {rows.unit}s "
        "stand beside what is not admitted and what is predicted to be wrong.",
        details={**(details or {}), "Calibration": meta},
    )


def report_judged_file(path, judged_from, judged, meta, calibration, format="auto", command=""):
    """Writes the page of a file that `calibrate_file` has just written.

    Args:
        path: the HTML file.
        judged_from, judged: the solutions, and what `calibrate_file` made of them.
        meta: what it returned.
        calibration: the labelled solutions it was given.
        format: of both files of solutions.
        command: what was asked for, to be shown.
    """
    write_calibration_page(
        path,
        read_identified(judged_from, format),
        [line for _, line in read_jsonl(judged)],
        meta,
        labelled=read_identified(calibration, format),
        title=f"Calibration: {Path(judged_from).name}",
        details={"Run": {"command": command}},
    )


def _summary(rows, lines, meta, alpha):
    admitted = int(rows.columns["admitted"].sum())
    share = f" ({100 * admitted / len(rows):.1f} %)" if len(rows) else ""
    n_solutions = f"of {len(lines):,} solutions " if rows.unit == "step" else ""
    sentences = [
        f"{len(rows):,} {rows.unit}s {n_solutions}were judged; {admitted:,}{share} are admitted. "
        f"Admission asks that at least {100 * alpha:g} % of the admitted predictions are right.",
    ]
    if not any(region["alpha"] >= alpha for region in meta["regions"]):
        sentences.append("No region reaches that on the calibration file, so nothing is admitted.")
    if rows.missing:
        sentences.append(f"{rows.unit.title()}s that did not fit: {rows.missing:,}.")
    n_known = int((rows.label >= 0).sum())
    if 0 < n_known < len(rows):
        sentences.append(f"{n_known:,} {rows.unit}s have a label; accuracies are theirs.")
    if n_known and meta["input_sha256"] == meta["calibration_sha256"]:
        sentences.append(
            "The input is the calibration file itself, so new solutions will do less well."
        )
    return sentences


def _headline(table, unit):
    """The verdict in a sentence: it stands where no cell is below what was asked for."""
    cells = [cell_view(cell) for cell in table.rows]
    if table.worst is None:
        return {"sentence": f"No {unit} with a label is admitted.", "ahead": False}
    below = [cell["name"] for cell in cells if cell["verdict"] == "below"]
    sentence = (
        f"Admitted {unit}s with a label: {100 * table.share:.1f} %. Their predictions are right in "
        f"{cells[0]['accuracy']}; {100 * table.alpha:g} % was asked for"
    )
    rest = f", and missed for: {', '.join(below)}." if below else "; no cell is clearly below it."
    return {"sentence": sentence + rest, "ahead": not below}


def _accuracy(rows: JudgedRows, chosen_N) -> str:
    """Accuracy of the chosen rows that have a label."""
    chosen_N = chosen_N & (rows.label >= 0)
    n, right = chosen_N.sum(), (chosen_N & (rows.columns["prediction"] == rows.label)).sum()
    if not n:
        return DASH
    return format_estimate(Estimate(right / n, *binomial_interval(right, n)), ACCURACY)


def _reasons(rows):
    counts = Counter(rows.columns["reason"].tolist())
    order = [*REASONS, *counts]
    return [
        {
            "reason": reason,
            "meaning": REASONS.get(reason, ""),
            "count": f"{counts[reason]:,}",
            "share": f"{100 * counts[reason] / len(rows):.1f}",
            "accuracy": _accuracy(rows, rows.columns["reason"] == reason),
        }
        for reason in sorted(counts, key=order.index)
    ]


def _levels(rows, meta):
    """Every level that was looked at, the highest first."""
    levels = [*meta["regions"], *meta.get("without_region", ())]
    found = []
    for level in sorted(levels, key=lambda level: -level["alpha"]):
        at_N = np.isclose(rows.columns["region"].astype(float), level["alpha"], atol=1e-5)
        counts = level["rows"]
        found.append(
            {
                "level": f"{level['alpha']:g}",
                "rows": f"{counts[0]:,} wrong, {counts[1]:,} right" if counts else DASH,
                "count": level["reason"] if level.get("reason") else f"{at_N.sum():,}",
                "accuracy": _accuracy(rows, at_N),
            }
        )
    return found


def _solutions(trajectories, lines, rows, labelled, n, seed):
    """The views of chosen solutions, with what was judged of each."""
    scored = [
        scored_solution(t, line.get("step_scores") or [None] * len(t.steps), THRESHOLD)
        for t, line in zip(trajectories, lines)
    ]
    places = {id(solution): number for number, solution in enumerate(scored)}
    row_of = {at: row for row, at in enumerate(rows.at)}
    texts = {t.id: t for t in labelled}
    views = []
    for solution in choose_solutions(scored, n, seed):
        number = places[id(solution)]
        view = solution_view(solution, THRESHOLD)
        if rows.unit == "step":
            judged = list(enumerate(view["steps"]))
        else:
            judged = [(0, view)]
            outcome = {None: "unknown", 0: "wrong", 1: "right"}[
                _class(trajectories[number].outcome)
            ]
            view |= {"outcome": outcome, "meaning": "by its final answer"}
            for step in view["steps"]:
                step |= {"css": "", "score": "", "title": "judged as a whole"}
        for step, of_step in judged:
            row = row_of.get((number, step))
            if row is None:
                continue
            of_step |= _judgement(rows, row)
            if of_step.pop("flagged"):
                of_step |= {
                    "nearest": _nearest(lines[number], step, rows.unit, texts),
                    "unit": rows.unit,
                }
        views.append(view)
    return views


def _judgement(rows, row):
    """Marks of a row, and whether it is flagged: not admitted, or predicted to be wrong."""
    columns = rows.columns
    admitted, wrong = bool(columns["admitted"][row]), columns["prediction"][row] == 0
    said = f"predicted {'wrong' if wrong else 'right'} with {columns['probability'][row]:.3f}"
    if admitted:
        mark = {"css": "admitted", "text": f"{said}, admitted at {columns['region'][row]:g}"}
    else:
        mark = {"css": "refused", "text": f"not admitted: {columns['reason'][row]}"}
    title = f"{said}; q {columns['q'][row]:g}, d {columns['d'][row]:.3f}"
    return {"marks": [mark], "title": title, "flagged": not admitted or wrong}


def _class(label):
    return None if label is None else int(label >= 0.5)


def _nearest(line, step, unit, texts):
    """The exemplars that a line names for a step, as far as they are known."""
    named = line.get("nearest") or []
    found = []
    for name, place in named[step] if unit == "step" else [(name, None) for name in named]:
        exemplar = texts.get(name)
        if exemplar is None:
            continue
        label = exemplar.outcome if place is None else exemplar.step_labels()[place]
        right = _class(label) == 1
        whole = "\n".join([exemplar.problem, *exemplar.steps])
        text = whole if place is None else exemplar.steps[place]
        found.append(
            {
                "glyph": "\N{CHECK MARK}" if right else "\N{BALLOT X}",
                "truth": "right" if right else "wrong",
                "place": name if place is None else f"{name}, step {place + 1}",
                "text": clipped(text, EXEMPLAR_CHARACTERS),
            }
        )
    return found
