"""The demo: problems made by program, a language model trained on them, and what came of it.

Five stages, each with its files in the workdir, so that a run that was stopped goes on where it
was, and one that is finished does nothing twice: `data/` (problems), `train/` (a training workdir),
`scores/`, `results.json`, `report.html`.
"""

import dataclasses
import functools
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import rich.console
import rich.table
from ml_collections import ConfigDict

from prm_jax import provenance
from prm_jax.data.synthetic import make_candidates, make_trajectories
from prm_jax.demo_config import check
from prm_jax.errors import InputError
from prm_jax.evaluate import Parts, auroc_by, fit_baseline, measure
from prm_jax.evaluate.inputs import read_scores
from prm_jax.files import write_json
from prm_jax.json_files import read_json
from prm_jax.progress import Progress
from prm_jax.records import write_jsonl
from prm_jax.report import (
    Curve,
    Metric,
    Panel,
    ResultRow,
    ResultTable,
    choose_solutions,
    compare,
    count_outcomes,
    estimate_of,
    labelled_scores,
    scored_solution,
    training_panels,
    write_report,
)
from prm_jax.report.contents import Role
from prm_jax.report.tables import format_estimate
from prm_jax.scoring.score_file import score_file, sha256
from prm_jax.stages import Stages
from prm_jax.train import loop
from prm_jax.train.config import to_json
from prm_jax.weights.threshold import record_threshold

MODEL = "PRM"
SCORED = ("validation", "test", "candidates")
BASELINES = ("random", "majority", "length", "position")
FIRST_ERROR = Metric(
    "first-error F1",
    explanation="Harmonic mean of the share of wrong solutions whose first wrong step is found "
    "exactly and the share of right solutions in which no step is blamed (ProcessBench).",
)
AUROC = Metric(
    "step AUROC",
    percent=False,
    explanation="Probability that a right step scores above a wrong one; 0.5 is chance.",
)


def run(config: ConfigDict, workdir) -> dict:
    """Runs the demo, or continues the one that `workdir` holds.

    Args:
        config: as configs/demo.py describes it.
        workdir: directory of the run, made if it does not exist.

    Returns:
        What `results.json` holds.

    Raises:
        InputError: a workdir with a run of another configuration, or options that do not fit.
    """
    check(config)
    workdir, began = Path(workdir), time.monotonic()
    continued = (workdir / "train").is_dir()
    console = rich.console.Console(stderr=True)
    seconds: dict[str, float] = {}

    def stage(number, name, text):
        seconds[name] = time.monotonic() - began
        console.print(f"[bold]{number}/5[/bold] {text}", highlight=False)

    stages, code, worked = Stages(workdir), provenance.code_version(), False
    stage(1, "problems", "making step-labelled problems")
    problems = make_problems(config)
    data = {name: workdir / "data" / f"{name}.jsonl" for name in problems.items()}
    for name, part in problems.items().items():
        write_jsonl(data[name], part)
    sources = {name: sha256(path) for name, path in data.items()}

    stage(2, "training", f"training {config.train.model.name} on their labels")
    training = config.train.copy_and_resolve_references()
    with training.unlocked():
        training.seed = config.seed
        training.data.train = str(workdir / "data" / "train.jsonl")
        training.data.validation = str(workdir / "data" / "validation.jsonl")
    exported = workdir / "train" / "export"
    worked |= stages.run(
        "training",
        {"config": to_json(training), "data": sources, "code": code},
        lambda: sorted(exported.glob("*.safetensors")),
        lambda: loop.train(training, workdir / "train"),
    )

    stage(3, "scoring", "scoring held-out solutions")
    weights = {path.name: sha256(path) for path in sorted(exported.glob("*.safetensors"))}
    for name in SCORED:
        output = workdir / "scores" / f"{name}.jsonl"
        aggregation = config.evaluation.aggregation
        worked |= stages.run(
            f"scores of {name}",
            {"weights": weights, "data": sources[name], "how": aggregation, "code": code},
            functools.partial(list, [output]),
            functools.partial(_score, name, data[name], output, exported, config),
        )
    scores = {
        name: read_scores(workdir / "scores" / f"{name}.jsonl", getattr(problems, name))
        for name in SCORED
    }
    settings = json.loads(json.dumps(config.to_dict()))
    if not worked and (kept := _kept(workdir, settings)):
        console.print(f"everything is there: {workdir / 'report.html'}", highlight=False)
        _print(kept, console)
        return kept

    stage(4, "evaluation", "evaluating against the baselines")
    result = evaluate(config, problems, scores)
    seconds["end"] = time.monotonic() - began
    names = list(seconds)
    result["run"] = {
        "command": " ".join(["python -m experiments.demo", *sys.argv[1:]]),
        "seed": config.seed,
        "code": code,
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "seconds": {a: round(seconds[b] - seconds[a], 1) for a, b in zip(names, names[1:])},
        "wall_seconds": round(seconds["end"], 1),
        "continued": continued,
        "peak_memory_gib": round(provenance.peak_memory_gib(), 2),
    }
    result["config"] = settings
    write_json(workdir / "results.json", result)
    tuned = result["methods"][MODEL]["threshold"]
    record_threshold(workdir / "train" / "export", tuned["value"], tuned["source"])

    stage(5, "report", f"writing {workdir / 'report.html'}")
    _report(config, workdir, problems, scores, result)
    _print(result, console)
    return result


def make_problems(config: ConfigDict) -> Parts:
    """Makes the problems; no problem is in two splits.

    Args:
        config: as configs/demo.py describes it.

    Returns:
        `Parts`.

    Raises:
        InputError: options that do not fit.
    """
    wanted = config.problems
    kinds = wanted.kinds.to_dict() if isinstance(wanted.kinds, ConfigDict) else wanted.kinds
    options = dict(difficulty=wanted.difficulty, kinds=kinds or None)

    def solutions(split, **rate):
        n = wanted[split]
        return make_trajectories(wanted.families, n, config.seed, split=split, **rate, **options)

    candidates = make_candidates(
        wanted.families,
        wanted.groups,
        wanted.candidates,
        config.seed,
        split="test",
        accuracy=wanted.accuracy,
        shared_error_rate=wanted.shared_error_rate,
        **options,
    )
    train = solutions("train", error_rate=wanted.train_error_rate)
    return Parts(train, solutions("validation"), solutions("test"), candidates)


def _kept(workdir, settings):
    """The result that is there, if it and its page were made with these settings."""
    try:
        result = read_json(workdir / "results.json")
        same = result["config"] == settings and result["run"]["code"] == provenance.code_version()
    except (OSError, InputError, KeyError, TypeError):
        return None
    return result if same and (workdir / "report.html").is_file() else None


def _score(name, data, output, model, config):
    """Step scores of a file, made by the command that scores any file."""
    with Progress(f"scoring {name}") as bar:
        score_file(
            str(model.parent),
            data,
            output,
            aggregation=config.evaluation.aggregation,
            chunk=64,
            progress=bar.update,
        )


def evaluate(config: ConfigDict, problems: Parts, scores: Mapping[str, list]) -> dict:
    """Measures the model and the baselines by the same code.

    Every method's threshold is tuned on the validation problems; baselines that learn do so on the
    training problems.

    Args:
        config: as configs/demo.py describes it.
        problems: the data.
        scores: step scores of the model for 'validation', 'test' and 'candidates'.

    Returns:
        dict with `methods` (per method what `evaluate.measure` gives) and `by_kind` (step AUROC of
        the model per kind of error).
    """
    wanted = config.evaluation
    boot = dict(n_boot=wanted.bootstrap, seed=config.seed)
    of_method: dict[str, Mapping[str, list]] = {MODEL: scores}
    for name in BASELINES:
        predict = fit_baseline(name, problems.train, config.seed)
        of_method[name] = {part: predict(getattr(problems, part)) for part in scores}
    options = dict(aggregation=wanted.aggregation, n=wanted.n, **boot)
    by_kind = auroc_by(lambda t: t.meta.get("error_kind"), problems.test, scores["test"], **boot)
    methods = {name: measure(problems, given, **options) for name, given in of_method.items()}
    return {"methods": methods, "by_kind": by_kind}


def result_table(result: Mapping) -> ResultTable:
    """The table of the model and the baselines.

    Args:
        result: as `run` returns it.

    Returns:
        First-error F1, step AUROC and best-of-N accuracy by method.
    """
    of_model = result["methods"][MODEL]["best_of_n"]
    n = of_model["metrics_of"]["n"]
    chosen = Metric(
        f"best of {n}",
        explanation=f"Share of problems whose best-scored of {n} candidates has the right answer.",
    )
    rows = []
    for name, found in result["methods"].items():
        metrics = found["best_of_n"]["metrics"]
        # Chance and voting need no scores: they are computed from the candidates themselves.
        choice = metrics[name if name in ("random", "majority") else "best_of_n"]
        figures = (found["first_error"]["metrics"]["f1"], found["steps"]["metrics"]["auroc"])
        estimates = map(estimate_of, (*figures, choice))
        columns = (FIRST_ERROR.name, AUROC.name, chosen.name)
        role: Role = "model" if name == MODEL else "baseline"
        label = f"{name} only" if name in ("length", "position") else name
        rows.append(ResultRow(label, dict(zip(columns, estimates)), role))
    reference = {chosen.name: estimate_of(of_model["metrics"]["pass"])}
    rows.append(ResultRow(f"pass@{n}, the most a choice can reach", reference, "reference"))
    first, chosen_from = (
        result["methods"][MODEL][task]["counts"] for task in ("first_error", "best_of_n")
    )
    wanted = result["config"]["problems"]
    note = (
        f"{first['solutions']:,} solutions for the first two columns, {chosen_from['problems']:,} "
        f"problems with {n} candidates each for the last; 95 % intervals by bootstrap over "
        "problems. The threshold of every method was tuned on the validation problems. Majority "
        "calls no step wrong, and among candidates takes the most common answer. Candidates are "
        f"made by program like the other solutions: {wanted['accuracy']:.0%} are right on average, "
        f"and {wanted['shared_error_rate']:.0%} of a problem's wrong ones make the same mistake."
    )
    return ResultTable("Held-out problems", (FIRST_ERROR, AUROC, chosen), tuple(rows), note)


def _kind_table(result):
    metric = dataclasses.replace(AUROC, name="step AUROC of the PRM", explanation="")
    rows = [
        ResultRow(
            f"{kind.replace('_', ' ')} ({found['solutions']})",
            {metric.name: estimate_of(found["auroc"])},
            "model",
        )
        for kind, found in result["by_kind"].items()
    ]
    note = "Steps of the solutions with that kind of error (their number in brackets) and of right "
    note += "solutions."
    return ResultTable("By kind of error", (metric,), tuple(rows), note, row_heading="kind")


def _selection_panel(result):
    by_n = result["methods"][MODEL]["best_of_n"]["by_n"]
    (aggregation,) = result["methods"][MODEL]["best_of_n"]["aggregation"]
    n = [int(size) for size in by_n]

    def curve(name, pick):
        found = [estimate_of(pick(entry)) for entry in by_n.values()]
        low, high = zip(*(e.interval or (e.value, e.value) for e in found), strict=True)
        return Curve(name, n, [e.value for e in found], low, high)

    curves = (
        curve(f"{MODEL} ({aggregation})", lambda e: e["aggregations"][aggregation]["best_of_n"]),
        curve("majority vote", lambda e: e["majority"]),
        curve("random candidate", lambda e: e["random"]),
        curve("pass@N", lambda e: e["pass"]),
    )
    title = "Right answers among N candidates"
    return Panel(title, "candidates N", "problems, %", curves, log2_x=True, percent=True)


def _report(config, workdir, problems, scores, result):
    threshold = result["methods"][MODEL]["threshold"]["value"]
    solutions = [scored_solution(t, s, threshold) for t, s in zip(problems.test, scores["test"])]
    shown = choose_solutions(solutions, config.evaluation.solutions, config.seed)
    record, model = result["run"], config.train.model.name
    labels = sum(y is not None for t in problems.train for y in t.labels or ())
    families = ", ".join(config.problems.families).replace("_", " ")
    took = f", in {record['wall_seconds'] / 60:.1f} minutes on {record['machine']['cores']} cores"
    took = "" if record["continued"] else took  # the time of the last part alone says little
    write_report(
        workdir / "report.html",
        title=f"{model} becomes a process reward model",
        summary=[
            f"{model} was trained on {labels:,} step labels of {len(problems.train):,} solutions "
            f"made by program ({families}) and measured on problems it has not seen{took}.",
            f"A step that scores below {threshold:.3f} is predicted to be wrong; this threshold "
            "was tuned on validation problems.",
        ],
        tables=[result_table(result), _kind_table(result)],
        training=training_panels(workdir / "train" / "metrics.jsonl"),
        selection=[_selection_panel(result)],
        steps=labelled_scores(solutions),
        solutions=shown,
        solutions_note=f"{len(shown)} of {len(solutions):,}, taken in turn from every outcome and "
        f"otherwise by chance (seed {config.seed}).",
        outcomes=count_outcomes(solutions),
        threshold=threshold,
        details={
            "Run": {**record, "aggregation": config.evaluation.aggregation},
            "Configuration": json.dumps(result["config"], indent=2),
        },
    )


def _print(result, console):
    """The table and what it says, for those who do not open the page."""
    table = result_table(result)
    shown = rich.table.Table(title=table.title)
    shown.add_column("method")
    for metric in table.metrics:
        shown.add_column(metric.name, justify="right")
    for row in table.rows:
        cells = [
            format_estimate(row.estimates[m.name], m) if m.name in row.estimates else ""
            for m in table.metrics
        ]
        shown.add_row(row.method, *cells)
    console.print(shown)
    for metric in table.metrics:
        if comparison := compare(table, metric):
            console.print(comparison.sentence, highlight=False)
