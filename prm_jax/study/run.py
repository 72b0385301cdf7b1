"""A study from its configuration to its result file, in stages that go on where they stopped.

Files of a workdir: `data/SOURCE/PART.jsonl` and `data.json` (what they were made from; later starts
read them again), `runs/NAME` (training workdirs), `scores/NAME/SOURCE/PART.jsonl`, `results.json`,
`report.html`, and the model card in the first run's export. Seeds, shares of the data and baselines
may be added by a later start. Without seeds, the first share's run is the one that is shown.
"""

import contextlib
import dataclasses
import json
import sys
import time
from pathlib import Path

from ml_collections import ConfigDict
from rich.console import Console

from prm_jax import formats, provenance
from prm_jax.errors import InputError
from prm_jax.evaluate import Parts, auroc_by, fit_baseline, measure, steps
from prm_jax.evaluate.inputs import read_scores
from prm_jax.files import atomic_write, check_writable, write_json
from prm_jax.json_files import read_json, require_kinds
from prm_jax.progress import Progress
from prm_jax.records import Rejects, Trajectory, write_jsonl
from prm_jax.scoring.score_file import score_file
from prm_jax.study import card, report
from prm_jax.study.config import check
from prm_jax.study.data import families, make_parts, shared_problems, training_set
from prm_jax.train import loop
from prm_jax.weights.threshold import record_threshold

PROBE, LIKELIHOOD = "linear probe", "mean log-prob"
BASELINES = ("random", "length", "position")
MEASURED = ("validation", "test", "candidates")
RECORD_OF_DATA = {"config": dict, "sources": list}
"""What data.json must have."""
OF_DATA = ("seed", "worlds", "files", "split", "near_duplicate")  # parts of a configuration


def run(config: ConfigDict, workdir) -> dict:
    """Runs a study, or continues the one that `workdir` holds.

    Args:
        config: as configs/smollm2_135m_mix.py describes it.
        workdir: directory of the study, made if it does not exist.

    Returns:
        What `results.json` holds.

    Raises:
        InputError: data, model or workdir that do not fit, or neither seeds nor shares.
    """
    workdir, console = Path(workdir), Console(stderr=True)
    check(config)
    clock = _Clock(workdir / "seconds.json")

    def stage(text):
        console.print(f"[bold]{text}[/bold]", highlight=False)

    stage("making the data")
    with clock.measure("data"):
        sources = _data(config, workdir)
    runs = _runs(config)
    shown = [name for name in runs if name.startswith("seed")] or list(runs)[:1]
    for name, (training, fraction) in runs.items():
        stage(f"training {name}")
        with clock.measure(f"train {name}"):
            _train(training, fraction, config, workdir, sources, name)
    for name in runs:
        stage(f"scoring with {name}")
        # Other runs are there for the learning curve, which is about the test set.
        parts = MEASURED if name in (*shown, PROBE) else ("test",)
        with clock.measure(f"score {name}"):
            _score(workdir / "runs" / name, workdir, name, sources, parts)
    if config.likelihood:
        stage("scoring by likelihood")
        with clock.measure(f"score {LIKELIHOOD}"):
            options = dict(scorer="mean_log_prob", convention="trl")
            _score(config.train.model.name, workdir, LIKELIHOOD, sources, MEASURED, **options)
    stage("measuring")
    command = " ".join(["python -m experiments.study", *sys.argv[1:]])
    result = {
        "groups": {
            "worlds": _measured(config, workdir, shown, families(config.worlds), sources),
            **{name: _measured(config, workdir, shown, [name], sources) for name in config.files},
        },
        "families": {
            name: _measured(config, workdir, shown, [name], sources)
            for name in families(config.worlds)
        },
        "curve": {name: _aurocs(config, workdir, name, sources) for name in runs},
        "fractions": {name: fraction for name, (_, fraction) in runs.items()},
        "training": {name: _training(workdir / "runs" / name) for name in runs},
        "data": {
            name: {part: len(rows) for part, rows in parts.items().items()}
            for name, parts in sources.items()
        },
        "shared_problems": shared_problems(sources),
        "run": {
            **provenance.run_record(command, sum(clock.seconds.values())),
            "code_of_data": read_json(workdir / "data.json", RECORD_OF_DATA).get("code"),
            "seconds_by_stage": clock.seconds,
            "peak_memory_gib": round(provenance.peak_memory_gib(), 2),
        },
        "config": json.loads(json.dumps(config.to_dict())),
    }
    write_json(workdir / "results.json", result)
    stage(f"writing {workdir / 'report.html'}")
    first = next(iter(runs))
    scores = {name: _read(workdir, first, name, sources[name])["test"] for name in sources}
    report.write(workdir / "report.html", result, sources, scores, workdir / "runs" / first)
    tuned = result["groups"]["worlds"]["methods"][first]["threshold"]["value"]
    exported = workdir / "runs" / first / "export"
    record_threshold(exported, tuned, "tuned on the worlds' validation problems")
    with atomic_write(exported / "README.md") as file:
        file.write(card.model_card(result))
    report.show(result, console)
    return result


def _data(config, workdir) -> dict[str, Parts]:
    """The sources: made once, with a record of what they were made from, then read again."""
    path, values = workdir / "data.json", json.loads(json.dumps(config.to_dict()))
    wanted = {name: values[name] for name in OF_DATA}
    if record := read_json(path, RECORD_OF_DATA, optional=True, remedy="use a new workdir"):
        if record["config"] != wanted:
            raise InputError(
                "holds data of another configuration",
                file=workdir,
                remedy=f"use a new workdir, or the old values of {', '.join(OF_DATA)}",
            )
        return {name: _read_parts(workdir / "data" / name) for name in record["sources"]}
    rejects = Rejects(workdir / "rejects.jsonl")
    sources = make_parts(config, rejects)
    for name, parts in sources.items():
        for part, rows in parts.items().items():
            write_jsonl(workdir / "data" / name / f"{part}.jsonl", rows)
    if rejects.rows:
        rejects.write()
    record = {"config": wanted, "sources": list(sources), "code": provenance.code_version()}
    write_json(path, record)
    return sources


def _read_parts(folder) -> Parts:
    files = {file.stem: formats.read(file, "prm_jax") for file in folder.glob("*.jsonl")}
    return Parts(**files)


def _runs(config) -> dict[str, tuple[ConfigDict, float]]:
    """Training configuration and share of the data by name; the first is the one that is shown."""
    runs = {}
    first = config.seeds[0] if config.seeds else config.train.seed
    for seed in config.seeds:
        runs[f"seed {seed}"] = (_with_seed(config.train, seed), 1.0)
    for fraction in config.fractions:
        runs[f"{fraction:g} of the data"] = (_with_seed(config.train, first), fraction)
    if config.probe_fraction:
        runs[PROBE] = (_with_seed(config.probe, first), config.probe_fraction)
    return runs


def _with_seed(training, seed):
    training = training.copy_and_resolve_references()
    with training.unlocked():
        training.seed = seed
    return training


def _train(training, fraction, config, workdir, sources, name):
    train = workdir / "data" / f"train-{fraction:g}.jsonl"
    validation = workdir / "data" / "validation.jsonl"
    write_jsonl(train, training_set(sources, fraction, config.seed))
    write_jsonl(validation, [t for parts in sources.values() for t in parts.validation])
    with training.unlocked():
        training.data.train, training.data.validation = str(train), str(validation)
        training.model.feature_cache = str(workdir / "features")
    loop.train(training, workdir / "runs" / name)


def _score(model, workdir, name, sources, parts, **options):
    """Step scores of the parts of all sources, by the command that scores any file."""
    for source, data in sources.items():
        for part in parts:
            output = workdir / "scores" / name / source / f"{part}.jsonl"
            if part not in data.items() or output.is_file():
                continue
            with Progress(f"{source} {part}") as bar:
                path = workdir / "data" / source / f"{part}.jsonl"
                score_file(str(model), path, output, chunk=128, progress=bar.update, **options)


def _read(workdir, method, source, parts: Parts) -> dict[str, list]:
    folder = workdir / "scores" / method / source
    return {
        part: read_scores(folder / f"{part}.jsonl", rows)
        for part, rows in parts.items().items()
        if (folder / f"{part}.jsonl").is_file()
    }


def _measured(config, workdir, shown, names, sources) -> dict:
    """Runs and baselines on some sources taken together, and the first run by kind of error."""
    wanted = config.evaluation
    boot = dict(n_boot=wanted.bootstrap, seed=config.seed)
    parts = Parts(
        *(
            [row for name in names for row in getattr(sources[name], field.name)]
            for field in dataclasses.fields(Parts)
        )
    )
    of_method: dict[str, dict[str, list]] = {}
    slow = [PROBE] * bool(config.probe_fraction) + [LIKELIHOOD] * bool(config.likelihood)
    for method in (*shown, *slow):
        of_method[method] = {part: [] for part in parts.items() if part in MEASURED}
        for name in names:
            for part, scores in _read(workdir, method, name, sources[name]).items():
                of_method[method][part] += scores
    for name in BASELINES:
        predict = fit_baseline(name, parts.train, config.seed)
        of_method[name] = {
            part: predict(rows) for part, rows in parts.items().items() if part in MEASURED
        }
    options = dict(aggregation=wanted.aggregation, n=wanted.n, **boot)
    return {
        "methods": {name: measure(parts, given, **options) for name, given in of_method.items()},
        "by_kind": auroc_by(_kind, parts.test, of_method[shown[0]]["test"], **boot),
    }


def _kind(trajectory: Trajectory) -> str | None:
    """What a trajectory's error is called where its source says so."""
    if trajectory.first_error == -1:
        return None
    meta = trajectory.meta
    return meta.get("error_kind") or meta.get("classification") or meta.get("Subject")


def _aurocs(config, workdir, method, sources):
    """Step AUROC of a run on every source's test part."""
    boot = dict(n_boot=config.evaluation.bootstrap, seed=config.seed)
    return {
        name: steps(parts.test, _read(workdir, method, name, parts)["test"], **boot)["metrics"][
            "auroc"
        ]
        for name, parts in sources.items()
    }


def _training(workdir) -> dict:
    """What a finished training says of itself."""
    report = read_json(workdir / "data_report.json", {"train": dict})["train"]
    lines = (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    kept = ("step", "validation/loss", "validation/accuracy", "validation/auroc")
    return {
        "tokens": sum(row["tokens"] for row in rows),
        "trajectories": report["trajectories"],
        "labels": report["labels"],
        "validation": [
            {name: row[name] for name in kept} for row in rows if "validation/auroc" in row
        ],
    }


class _Clock:
    """Seconds that each stage took, over all the times that the study was started."""

    def __init__(self, path):
        self._path = path
        self.seconds = read_json(path, optional=True, remedy="remove it")
        require_kinds(self.seconds, dict.fromkeys(self.seconds, float), path, remedy="remove it")
        if not self.seconds:  # shows whose workdir it is
            check_writable(path)
            write_json(path, {})

    @contextlib.contextmanager
    def measure(self, name):
        began = time.monotonic()
        try:
            yield
        finally:
            spent = self.seconds.get(name, 0) + time.monotonic() - began
            self.seconds[name] = round(spent, 1)
            write_json(self._path, self.seconds)
