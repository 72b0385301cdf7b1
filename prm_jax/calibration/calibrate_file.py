"""Judging the steps or solutions of a file by an SDM that was fitted on labelled solutions.

An SDM belongs to a model, a layer and a convention; all are recorded with it and checked.
"""

import dataclasses
import hashlib
import json
import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from prm_jax.calibration.baselines import check_baselines, fit_baselines
from prm_jax.calibration.feature_cache import cached_step_features
from prm_jax.calibration.features import LEVELS, solution_features, step_features
from prm_jax.calibration.judged import baseline_columns, solution_line, step_line
from prm_jax.calibration.metrics import admitted_table
from prm_jax.calibration.sdm import fit, predict
from prm_jax.calibration.sdm.files import RECORD, load_sdm, require_sdm_place, save_sdm
from prm_jax.calibration.sdm.options import checked as check_options
from prm_jax.calibration.sdm.split import training_and_calibration
from prm_jax.data.overlap import normalize
from prm_jax.errors import InputError
from prm_jax.files import atomic_write, beside, check_writable, write_json
from prm_jax.formats import check_readable
from prm_jax.json_files import read_json
from prm_jax.progress import Progress
from prm_jax.provenance import code_version
from prm_jax.scoring.aggregation import check_method
from prm_jax.scoring.discriminative import require_step_convention
from prm_jax.scoring.inputs import read_identified, solutions_sha256
from prm_jax.scoring.score_file import sha256
from prm_jax.text import convention as convention_named
from prm_jax.weights import load_model
from prm_jax.weights.artifacts import source_of
from prm_jax.weights.fingerprint import fingerprint
from prm_jax.weights.load import find


def calibrate_file(
    model_name: str,
    calibration,
    path,
    output,
    *,
    sdm_directory=None,
    hyper: Mapping[str, Any] | None = None,
    layers: int = -1,
    convention: str | dict | None = None,
    format: str = "auto",
    max_length: int | None = None,
    aggregation: str = "min",
    nearest: int = 0,
    level: str = "step",
    cache=None,
    baselines: Sequence[str] = (),
    progress: Progress | None = None,
) -> dict:
    """Fits an SDM on labelled steps or solutions, or reads the one that is there, and judges.

    Args:
        model_name: as `load_model` takes it; its head is not used.
        calibration: labelled solutions, as `formats.read` takes them; a step is right from a label
            of 0.5 on, a solution by its outcome; those without are left out, and all of a problem
            stay in one half.
        path: solutions to judge.
        output: JSON lines as `score_file` writes them, `step_scores` being the probability that
            each step is right, and for each step `probability` (of the prediction), `prediction`,
            `q`, `d`, `region` (level that admits it, 0 if none does), `admitted`,
            `admitted_lower`, `ood` and `reason`; null where a step did not fit. With `nearest`,
            also the steps of the calibration file that are nearest to it, as [id, step]. By
            solution each is one value, `score` is the probability that the solution is right, and
            `nearest` are ids.
        sdm_directory: where the SDM is kept; OUTPUT.sdm by default. One that is there is used if
            it was fitted on the same, else fitted again.
        hyper: hyperparameters of `sdm.fit`.
        layers, convention, max_length: of the features, see `step_features`.
        format: of both files.
        aggregation: steps to solution; of steps only.
        nearest: number of calibration steps, or solutions, to name.
        level: 'step', or 'solution' for one judgement of a solution that fits whole.
        cache: directory where features are kept for other runs; None keeps none.
        baselines: of `calibration.baselines.BASELINES`; they are fitted on the same halves as the
            SDM and asked for the same accuracy, and each line says under `baselines` what they say.
        progress: shows what is done.

    Returns:
        What OUTPUT.meta.json holds.

    Raises:
        InputError: bad input, model or option; too little to fit on. Nothing is written under the
            output's name.
    """
    check_method(aggregation)
    if level not in LEVELS:
        raise InputError(f"unknown level {level!r}", field="level", remedy=" or ".join(LEVELS))
    options = check_options(hyper or {})
    check_baselines(baselines, options["alpha"])
    check_readable(calibration, path, format=format)
    marking = convention_named(convention) if convention else None
    check_writable(output)
    sdm_directory = Path(sdm_directory or beside(output, ".sdm"))
    require_sdm_place(sdm_directory)
    labelled = read_identified(calibration, format, None)
    trajectories = read_identified(path, format, None)
    model, params, tokenizer = load_model(model_name)
    marking = require_step_convention(marking or tokenizer.convention)

    def features(rows, what):
        done = 0

        def count(n):
            nonlocal done
            done += n
            if progress:
                progress.update(done)

        if progress:
            progress.begin(what, len(rows))
        how: dict[str, Any] = dict(layers=layers, convention=marking, max_length=max_length)
        how["progress"] = count
        if cache is None:
            found = step_features(model, params, tokenizer, rows, **how)
        else:
            found, hits = cached_step_features(cache, model, params, tokenizer, rows, **how)
            if progress:
                progress.say(f"{what}: {hits} of {len(rows)} solutions were in the cache")
        return found if level == "step" else solution_features(found)

    made_from = {
        "model": str(model_name),
        "model_fingerprint": fingerprint(params),
        "convention": marking.to_dict(),
        "level": level,
        "layers": layers,
        "max_length": max_length or model.config.max_position,
        "calibration": str(calibration),
        "calibration_sha256": sha256(calibration),
        "hyper": dict(hyper or {}),
    }
    sdm, record = _kept(sdm_directory, made_from)
    if sdm is None or baselines:
        of_labelled = features(labelled, "states of the calibration file")
        numbers, known = _labelled_rows(labelled, of_labelled, level)
    if sdm is None:
        sdm = fit(*known, progress=progress, **(hyper or {}))
        promises = _promises(sdm, known, options)
        sdm = dataclasses.replace(sdm, support_row_K=numbers[sdm.support_row_K])
        record = {**made_from, "code": code_version(), **_regions(sdm), "promises": promises}
        save_sdm(sdm_directory, sdm, record)
    of_trajectories = features(trajectories, "states")
    rows = np.concatenate([rows for rows, _ in of_trajectories])
    if not len(rows):
        raise InputError(f"no {level} fits", file=path, field="max_length", remedy="allow more")
    found = predict(sdm, rows, nearest=nearest)
    fitted, others = {}, {}
    if baselines:
        same_halves = {name: options[name] for name in ("alpha", "seed", "balance")}
        fitted = fit_baselines(baselines, *known, round=int(sdm.round), **same_halves)
        others = {name: baseline.predict(rows) for name, baseline in fitted.items()}
    ends = np.cumsum([len(rows) for rows, _ in of_trajectories])
    names: list | None = None
    if nearest:
        of_steps = [[t.id, step] for t in labelled for step in range(len(t.steps))]
        names = of_steps if level == "step" else [t.id for t in labelled]
    lines = []
    for trajectory, (of_one, truncated), end in zip(
        trajectories, of_trajectories, ends.tolist(), strict=True
    ):
        place = slice(end - len(of_one), end)
        own = jax.tree.map(operator.itemgetter(place), found)
        if level == "step":
            line = step_line(trajectory, own, truncated, aggregation, names)
        else:
            line = solution_line(trajectory, own, truncated, names)
        if others:
            line["baselines"] = baseline_columns(trajectory, others, place, level)
        lines.append(line)
    meta = {
        **record,
        "model_files": source_of(find(str(model_name))),
        "input": str(path),
        "input_sha256": sha256(path),
        "solutions_sha256": solutions_sha256(trajectories),
        "rows": len(trajectories),
        f"{level}s": len(rows),
        "admitted": int(found.admitted.sum()),
        "aggregation": aggregation if level == "step" else None,
        "baselines": {name: baseline.facts for name, baseline in fitted.items()},
    }
    with atomic_write(output) as file:
        file.writelines(
            json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines
        )
    write_json(beside(output, ".meta.json"), meta)
    return meta


def summary(meta: Mapping[str, Any]) -> str:
    """What `calibrate_file` returned, for the terminal: what levels promise, and what is admitted.

    A level's worst cell is the class, the prediction or the whole that is right least often.
    """
    lines = ["" if meta["regions"] else "no level has a region, so nothing is admitted"]
    for promise in meta["promises"]:
        cells = [cell for cell in promise["rows"] if cell["rows"]]
        worst = min(cells, key=operator.itemgetter("accuracy"), default=None)
        text = f"{promise['alpha']:g}: {promise['share']:.1%} of the calibration half"
        if worst:
            interval = f"({worst['low']:.3f} to {worst['high']:.3f})"
            text += f", right in {worst['accuracy']:.3f} {interval} of {worst['name']}"
        lines.append(text)
    judged = f"{meta['level']}s"
    lines.append(f"{meta['input']}: {meta['admitted']} of {meta[judged]} {judged} admitted")
    return "\n".join(line for line in lines if line)


def _units(trajectory, level) -> Sequence[float | None]:
    """The labels of what is judged of a trajectory."""
    return trajectory.step_labels() if level == "step" else (trajectory.outcome,)


def _labelled_rows(labelled, features, level):
    """What is labelled and fits: numbers among all units of the file, and what `fit` takes."""
    numbers, rows, labels, groups = [], [], [], []
    first = 0
    for trajectory, (of_units, _) in zip(labelled, features, strict=True):
        group = hashlib.sha256(normalize(trajectory.problem).encode()).hexdigest()
        units = _units(trajectory, level)
        for number, (row, label) in enumerate(zip(of_units, units)):
            if label is not None:
                numbers.append(first + number)
                rows.append(row)
                labels.append(int(label >= 0.5))
                groups.append(group)
        first += len(units)
    if not rows:
        missing = "step has a label" if level == "step" else "solution has an outcome"
        raise InputError(f"no {missing} and fits", field="calibration")
    return np.array(numbers, np.int32), (np.stack(rows), np.array(labels), np.array(groups))


def _promises(sdm, known, options) -> list[dict]:
    """For each level with a region, how often what it admits of the calibration half is right.

    The region was chosen on these rows, so this flatters it a little; the exact binomial intervals
    say what so few rows can show at all.
    """
    features_ND, labels_N, groups_N = known
    _, held = training_and_calibration(
        labels_N, groups_N, seed=options["seed"], round=int(sdm.round), balance=options["balance"]
    )
    found = predict(sdm, features_ND[held])
    of_levels = []
    for region in sdm.regions:
        admitted_N = np.isclose(found.level, region.alpha)
        of = (found.prediction, labels_N[held], admitted_N, region.alpha)
        of_levels.append(admitted_table(*of, n_classes=len(sdm.bias_C)).to_dict())
    return of_levels


def _kept(directory, made_from):
    """The SDM of a directory and its record, (None, None) unless it was made from the same."""
    record = read_json(directory / RECORD, optional=True, remedy="take it away and calibrate again")
    if not record:
        return None, None
    if any(record.get(name) != value for name, value in made_from.items()):
        return None, None
    return load_sdm(directory)


def _regions(sdm):
    """The levels, those that admit apart from those that do not."""
    regions, without = [], []
    for alpha, region, why in sdm.levels:
        rows = None if region is None else region.rows_C.tolist()
        if why:
            without.append({"alpha": alpha, "reason": why, "rows": rows})
        else:
            of = {"alpha": alpha, "q_min": region.q_min, "psi": region.psi_C.tolist()}
            regions.append({**of, "rows": rows})
    return {"regions": regions, "without_region": without, "min_rows": int(sdm.min_rows)}
