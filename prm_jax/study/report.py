"""The tables, curves and page of a study, all from its result."""

import json
from collections.abc import Mapping, Sequence

import rich.table

from prm_jax.report import (
    Curve,
    Metric,
    Panel,
    ResultRow,
    ResultTable,
    choose_solutions,
    count_outcomes,
    estimate_of,
    labelled_scores,
    scored_solution,
    training_panels,
    write_report,
)
from prm_jax.report.contents import Role
from prm_jax.report.tables import format_estimate

MODEL = "PRM"
NOTE = "95 % intervals by bootstrap over problems; they do not include the spread over seeds."


def first_run(result: Mapping) -> str:
    """The run that the tables are about."""
    return next(iter(result["fractions"]))


def method_name(method: str) -> str:
    """What a method is called in tables: a run is a model, length a baseline."""
    if method.startswith("seed ") or method.endswith("of the data"):
        return f"{MODEL}, {method}"
    return f"{method} only" if method in ("length", "position") else method


def _role(method: str, result: Mapping) -> Role:
    """The first run is what the tables are about; runs with other seeds stand beside it."""
    if method == first_run(result):
        return "model"
    return "reference" if method.startswith("seed ") else "baseline"


def auroc_table(result: Mapping) -> ResultTable:
    """Step AUROC on the test problems: methods in rows, groups of sources in columns."""
    groups = result["groups"]
    metrics = tuple(
        Metric(
            name,
            percent=False,
            explanation="Step AUROC: the probability that a right step scores above a wrong one.",
        )
        for name in groups
    )
    rows = []
    for method in next(iter(groups.values()))["methods"]:
        figures = {
            name: estimate_of(found["methods"][method]["steps"]["metrics"]["auroc"])
            for name, found in groups.items()
        }
        rows.append(ResultRow(method_name(method), figures, _role(method, result)))
    note = "Steps after a first error count where the source labels them. " + NOTE
    return ResultTable("Step AUROC on held-out problems", metrics, tuple(rows), note)


def choice_table(result: Mapping) -> ResultTable:
    """First-error F1 by group, and best-of-N on the worlds' candidates."""
    groups = result["groups"]
    first = first_run(result)
    n = str(max(result["config"]["evaluation"]["n"]))
    best = f"worlds: best of {n}"
    metrics = [Metric(f"{name}: F1 at {at}") for name in groups for at in ("0.5", "tuned")]
    rows = []
    for method in next(iter(groups.values()))["methods"]:
        figures = {}
        for name, found in groups.items():
            of = found["methods"][method]
            for at, key in (("0.5", "first_error_at_half"), ("tuned", "first_error")):
                f1 = of[key]["metrics"]["f1"]
                figures[f"{name}: F1 at {at}"] = estimate_of(f1)
        chosen = groups["worlds"]["methods"][method]["best_of_n"]["metrics"]
        figures[best] = estimate_of(chosen["random" if method == "random" else "best_of_n"])
        rows.append(ResultRow(method_name(method), figures, _role(method, result)))
    of_model = groups["worlds"]["methods"][first]["best_of_n"]["metrics"]
    rows.append(ResultRow("majority vote", {best: estimate_of(of_model["majority"])}, "baseline"))
    rows.append(ResultRow(f"pass@{n}", {best: estimate_of(of_model["pass"])}, "reference"))
    note = "Tuned: on the group's own validation problems, for every method. " + NOTE
    title = "Finding the first error, and choosing among candidates"
    return ResultTable(title, (*metrics, Metric(best)), tuple(rows), note)


def family_table(result: Mapping) -> ResultTable:
    """Step AUROC by family of problems: families in rows, methods in columns."""
    methods = next(iter(result["families"].values()))["methods"]
    metrics = tuple(Metric(method_name(name), percent=False) for name in methods)
    rows = [
        ResultRow(
            family.replace("_", " "),
            {
                method_name(name): estimate_of(of["steps"]["metrics"]["auroc"])
                for name, of in found["methods"].items()
            },
            "model",
        )
        for family, found in result["families"].items()
    ]
    title = "Step AUROC by family of problems"
    return ResultTable(title, metrics, tuple(rows), NOTE, row_heading="family")


def kind_table(result: Mapping) -> ResultTable:
    """Step AUROC of the first run by kind of error."""
    metric = Metric("step AUROC", percent=False)
    rows = [
        ResultRow(
            f"{group}: {kind.replace('_', ' ')} ({found['solutions']})",
            {metric.name: estimate_of(found["auroc"])},
            "model",
        )
        for group, of_group in result["groups"].items()
        for kind, found in of_group["by_kind"].items()
    ]
    note = "Steps of the solutions with that kind of error (their number in brackets) and of right "
    note += "solutions. " + NOTE
    return ResultTable("By kind of error", (metric,), tuple(rows), note, row_heading="kind")


def learning_curve(result: Mapping) -> Panel:
    """Step AUROC on the test problems over the tokens trained on: a run a point."""
    first = first_run(result)
    runs = [name for name in result["fractions"] if name == first or name.endswith("of the data")]
    runs.sort(key=lambda name: result["fractions"][name])
    tokens = [result["training"][name]["tokens"] for name in runs]
    families = list(result["families"])
    groups = {"worlds, mean": families}
    groups |= {name: [name] for name in result["groups"] if name != "worlds"}
    curves = tuple(
        Curve(
            group,
            tokens,
            [
                sum(result["curve"][run][name]["value"] for name in names) / len(names)
                for run in runs
            ],
        )
        for group, names in groups.items()
    )
    return Panel("Step AUROC by training tokens", "training tokens", "AUROC", curves, log2_x=True)


def tables(result: Mapping) -> tuple[ResultTable, ...]:
    """All tables, the main one first."""
    return auroc_table(result), choice_table(result), family_table(result), kind_table(result)


def write(path, result: Mapping, sources: Mapping, scores: Mapping[str, Sequence], run) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        result: as `study.run.run` returns it.
        sources: `Parts` by source.
        scores: step scores of the first run on every source's test part.
        run: workdir of the first run.
    """
    config = result["config"]
    first = first_run(result)
    threshold = result["groups"]["worlds"]["methods"][first]["threshold"]["value"]
    solutions = [
        scored_solution(t, s, threshold)
        for name, parts in sources.items()
        for t, s in zip(parts.test, scores[name], strict=True)
    ]
    shown = choose_solutions(solutions, config["evaluation"]["solutions"], config["seed"])
    trained = result["training"][first]
    model = config["train"]["model"]["name"]
    write_report(
        path,
        title=f"{model}: one process reward model, {len(sources)} sources",
        summary=[
            f"Trained on {trained['labels']:,} step labels of {trained['trajectories']:,} "
            f"solutions ({trained['tokens']:,.0f} tokens); {first}.",
            f"A step that scores below {threshold:.3f} is predicted to be wrong; this threshold "
            "was tuned on the worlds' validation problems.",
        ],
        tables=tables(result),
        training=(learning_curve(result), *training_panels(run / "metrics.jsonl")),
        steps=labelled_scores(solutions),
        solutions=shown,
        solutions_note=f"{len(shown)} of {len(solutions):,}, taken in turn from every outcome and "
        f"otherwise by chance (seed {config['seed']}).",
        outcomes=count_outcomes(solutions),
        threshold=threshold,
        details={"Run": result["run"], "Configuration": json.dumps(config, indent=2)},
    )


def show(result: Mapping, console) -> None:
    """Prints the main tables for those who do not open the page."""
    for table in (auroc_table(result), family_table(result)):
        shown = rich.table.Table(title=table.title)
        shown.add_column(table.row_heading)
        for metric in table.metrics:
            shown.add_column(metric.name, justify="right")
        for row in table.rows:
            shown.add_row(
                row.method, *(format_estimate(row.estimates[m.name], m) for m in table.metrics)
            )
        console.print(shown)
