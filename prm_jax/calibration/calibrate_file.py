"""Judging the steps of a file by an SDM that was fitted on labelled solutions.

An SDM belongs to a model, a layer and a convention; all are recorded with it and checked.
"""

import dataclasses
import hashlib
import json
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from prm_jax.calibration.features import step_features
from prm_jax.calibration.sdm import SDM, fit, predict
from prm_jax.calibration.sdm.files import RECORD, load_sdm, save_sdm
from prm_jax.data.overlap import normalize
from prm_jax.errors import InputError
from prm_jax.files import atomic_write, check_writable, write_json
from prm_jax.progress import Progress
from prm_jax.provenance import code_version
from prm_jax.scoring import StepScores
from prm_jax.scoring.aggregation import check_method, logit
from prm_jax.scoring.discriminative import require_convention
from prm_jax.scoring.inputs import read_identified
from prm_jax.scoring.score_file import score_row, sha256
from prm_jax.text import convention as convention_named
from prm_jax.train.placement import fingerprint
from prm_jax.weights import load_model

RIGHT = 1


def calibrate_file(
    model_name: str,
    calibration,
    path,
    output,
    *,
    sdm_directory=None,
    hyper: Mapping[str, Any] | None = None,
    layers: int = -1,
    convention: str | None = None,
    format: str = "auto",
    max_length: int | None = None,
    aggregation: str = "min",
    nearest: int = 0,
    progress: Progress | None = None,
) -> dict:
    """Fits an SDM on labelled steps, or reads the one that is there, and judges every step.

    Args:
        model_name: as `load_model` takes it; its head is not used.
        calibration: labelled solutions, as `formats.read` takes them; a step is right from a label
            of 0.5 on, steps without a label are left out, and all steps of a problem stay in one
            half.
        path: solutions to judge.
        output: JSON lines as `score_file` writes them, `step_scores` being the probability that
            each step is right, and for each step `probability` (of the prediction), `prediction`,
            `q`, `d`, `region` (level that admits it, 0 if none does), `admitted`,
            `admitted_lower`, `ood` and `reason`; null where a step did not fit. With `nearest`,
            also the steps of the calibration file that are nearest to it, as [id, step].
        sdm_directory: where the SDM is kept; OUTPUT.sdm by default. One that is there is used if
            it was fitted on the same, else fitted again.
        hyper: hyperparameters of `sdm.fit`.
        layers, convention, max_length: of the features, see `step_features`.
        format: of both files.
        aggregation: steps to solution.
        nearest: number of calibration steps to name.
        progress: shows what is done.

    Returns:
        What OUTPUT.meta.json holds.

    Raises:
        InputError: bad input, model or option; too little to fit on. Nothing is written under the
            output's name.
    """
    check_method(aggregation)
    check_writable(output)
    sdm_directory = Path(sdm_directory or f"{output}.sdm")
    labelled = read_identified(calibration, format, None)
    trajectories = read_identified(path, format, None)
    model, params, tokenizer = load_model(model_name)
    marking = convention_named(convention) if convention else None
    marking = require_convention(marking or tokenizer.convention)

    def features(rows, what):
        done = 0

        def count(n):
            nonlocal done
            done += n
            if progress:
                progress.update(done)

        if progress:
            progress.begin(what, len(rows))
        return step_features(
            model,
            params,
            tokenizer,
            rows,
            layers=layers,
            convention=marking,
            max_length=max_length,
            progress=count,
        )

    made_from = {
        "model": str(model_name),
        "model_fingerprint": fingerprint(params),
        "convention": marking.to_dict(),
        "layers": layers,
        "max_length": max_length or model.config.max_position,
        "calibration": str(calibration),
        "calibration_sha256": sha256(calibration),
        "hyper": dict(hyper or {}),
    }
    names = [(t.id, step) for t in labelled for step in range(len(t.steps))]
    sdm, record = _kept(sdm_directory, made_from)
    if sdm is None:
        sdm = _fitted(
            labelled, features(labelled, "states of the calibration file"), hyper, progress
        )
        record = {**made_from, "code": code_version(), "regions": _regions(sdm)}
        save_sdm(sdm_directory, sdm, record)
    of_trajectories = features(trajectories, "states")
    rows = np.concatenate([rows for rows, _ in of_trajectories])
    found = predict(sdm, rows, nearest=nearest)
    ends = np.cumsum([len(rows) for rows, _ in of_trajectories])
    lines = [
        _line(
            trajectory,
            jax.tree.map(operator.itemgetter(slice(end - len(rows), end)), found),
            truncated,
            aggregation,
            names if nearest else None,
        )
        for trajectory, (rows, truncated), end in zip(
            trajectories, of_trajectories, ends.tolist(), strict=True
        )
    ]
    meta = {
        **record,
        "input": str(path),
        "input_sha256": sha256(path),
        "rows": len(trajectories),
        "steps": len(rows),
        "admitted": int(found.admitted.sum()),
        "aggregation": aggregation,
    }
    with atomic_write(output) as file:
        file.writelines(
            json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines
        )
    write_json(f"{output}.meta.json", meta)
    return meta


def _fitted(labelled, features, hyper, progress) -> SDM:
    """An SDM of all labelled steps that fitted; its support rows number all steps of the file."""
    numbers, rows, labels, groups = [], [], [], []
    first = 0
    for trajectory, (of_steps, _) in zip(labelled, features, strict=True):
        group = hashlib.sha256(normalize(trajectory.problem).encode()).hexdigest()
        for step, (row, label) in enumerate(zip(of_steps, trajectory.step_labels())):
            if label is not None:
                numbers.append(first + step)
                rows.append(row)
                labels.append(int(label >= 0.5))
                groups.append(group)
        first += len(trajectory.steps)
    if not rows:
        raise InputError("no step has a label", field="calibration")
    sdm = fit(
        np.stack(rows), np.array(labels), np.array(groups), progress=progress, **(hyper or {})
    )
    return dataclasses.replace(sdm, support_row_K=np.array(numbers, np.int32)[sdm.support_row_K])


def _kept(directory, made_from):
    """The SDM of a directory and its record, (None, None) unless it was made from the same."""
    if not (directory / RECORD).is_file():
        return None, None
    sdm, record = load_sdm(directory)
    same = all(record.get(name) == value for name, value in made_from.items())
    return (sdm, record) if same else (None, None)


def _regions(sdm):
    return [
        {
            "alpha": region.alpha,
            "q_min": region.q_min,
            "psi": region.psi_C.tolist(),
            "rows": region.rows_C.tolist(),
        }
        for region in sdm.regions
    ]


def _line(trajectory, found, truncated, aggregation, names) -> dict:
    """The output line of a trajectory."""
    p_right = found.probability[:, RIGHT].astype(float)
    missing = [None] * (len(trajectory.steps) - len(p_right))
    scores = StepScores(
        (*p_right.tolist(), *missing), (*map(logit, p_right.tolist()), *missing), bool(truncated)
    )
    of_prediction = np.take_along_axis(
        found.probability, found.prediction[:, None].astype(int), axis=1
    )[:, 0]
    columns = {
        "probability": of_prediction,
        "prediction": found.prediction,
        "q": found.q,
        "d": found.d,
        "region": np.round(found.level.astype(float), 6),
        "admitted": found.admitted,
        "admitted_lower": found.admitted_lower,
        "ood": found.ood,
        "reason": found.reason,
    }
    line = score_row(trajectory.id, scores, aggregation)
    line |= {name: [*column.tolist(), *missing] for name, column in columns.items()}
    if names is not None:
        line["nearest"] = [[list(names[n]) for n in row] for row in found.nearest.tolist()]
        line["nearest"] += missing
    return line
