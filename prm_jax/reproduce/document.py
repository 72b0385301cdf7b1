"""docs/reproductions.md, from the files of results/ and nothing else."""

import json
from pathlib import Path

from prm_jax import provenance
from prm_jax.errors import InputError
from prm_jax.files import atomic_write, write_json
from prm_jax.json_files import read_json

HEAD = """# Reproductions

Claims of papers, tested small: models of fewer than 100,000 parameters trained from scratch on
worlds whose truth is known, or the states of SmolLM2-135M where a study says so; several seeds,
arms that share data, order and initial parameters.
Intervals are 95 % Student-t intervals over the seeds, of paired differences where two arms are
compared. A claim is *reproduced* if the interval of its effect lies in the region claimed, *not
reproduced* if no part of it does, else *inconclusive*. A small world can show that an effect exists
and how it depends on its causes; it says nothing of its size on language models.

This file is written by `python -m experiments.reproduce --document` from `results/*.json`, which
hold the figures of every seed; `python -m experiments.reproduce NAME` writes those.
"""
FEWEST_ARMS = 3  # with a measure in common, for a table
NOTHING = "\nNo study has been run yet.\n"


def write(results, path) -> None:
    """Writes the document of a directory of result files.

    Raises:
        InputError: a file is no result, or one of a smoke run.
    """
    with atomic_write(path) as file:
        file.write(render(read(results)))


def read(directory) -> list[dict]:
    """The results of studies in a directory, by name; none if it does not exist.

    Results of other commands, which have no `study`, are left out.

    Raises:
        InputError: a file is no JSON object, or of a smoke run.
    """
    found = []
    for path in sorted(Path(directory).glob("*.json")):
        try:
            result = dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise InputError("is no result file", file=path, remedy="take it away") from error
        if "study" not in result:
            continue
        if result["smoke"]:
            raise InputError(
                "is of a smoke run, which shows nothing", file=path, remedy="take it away"
            )
        found.append(result)
    return found


def add_remark(path, text: str) -> None:
    """Puts what a reader should know of a result into its file, in place of an earlier remark.

    Raises:
        InputError: there is no such result.
    """
    if not Path(path).is_file():
        raise InputError("there is no result", file=path, remedy="run the study first")
    write_json(path, read_json(path) | {"remark": text})


def render(results: list[dict]) -> str:
    """The document as Markdown: a table of all claims, then a section for each study."""
    if not results:
        return HEAD + NOTHING
    rows = [
        f"| [{result['title']}](#{_anchor(result)}) | {claim['text']} | {_number(claim)} | "
        f"{claim['region']} | {claim['verdict']} |"
        for result in results
        for claim in result["claims"]
    ]
    table = ["| study | claim | effect | claimed | verdict |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([HEAD, *table, *rows, "", *(_section(result) for result in results)])


def summary(result: dict) -> str:
    """A result for the terminal: every figure with its interval, then the verdicts."""
    width = max(len(name) for name in result["figures"])
    lines = [f"{name:{width}}  {_number(of)}" for name, of in result["figures"].items()]
    if result["smoke"]:
        return "\n".join([*lines, "a smoke run: it shows that the study runs, and nothing else"])
    for claim in result["claims"]:
        lines.append(f"{claim['verdict']}: {claim['text']} ({_number(claim)}, {claim['region']})")
    return "\n".join(lines)


def _section(result):
    run = result["run"]
    versions = run["versions"]
    listed, tables = _figures(result["figures"])
    figures = [f"| {name} | {_number(of)} |" for name, of in listed.items()]
    processor = ""
    if "processor_seconds" in run:
        processor = f" ({run['processor_seconds'] / 60:.1f} of processor time)"
    verdicts = [f"- **{claim['verdict']}**: {claim['text']}" for claim in result["claims"]]
    return "\n".join(
        [
            f"## {result['title']}",
            "",
            f"{result['paper']}. {result['setting']}",
            "",
            f"What differs from the paper: {result['differs']}",
            "",
            *verdicts,
            "",
            *([f"Remark: {result['remark']}", ""] if result.get("remark") else []),
            "| figure | mean and interval |",
            "| --- | --- |",
            *figures,
            "",
            *tables,
            f"{len(result['seeds'])} seeds, {run['seconds'] / 60:.1f} minutes{processor} on "
            f"{run['machine']['processor']} ({run['machine']['cores']} cores), jax "
            f"{versions['jax']}, code `{run['code'][:12]}`: `{provenance.shell_command(run)}`; "
            f"every number is in `results/{result['study']}.json`.",
            "",
        ]
    )


def _figures(figures):
    """The figures for the list, and lines of tables of those named 'SET: MEASURE, ARM'.

    A measure that three arms or more have in a set becomes a row there, with half the interval's
    width after the mean.
    """
    sets: dict[str, dict[str, dict[str, dict]]] = {}
    for name, of in figures.items():
        where, _, rest = name.partition(": ")
        measure, _, arm = rest.rpartition(", ")
        if measure:
            sets.setdefault(where, {}).setdefault(measure, {})[arm] = of
    lines, shown = [], set()
    for where, measures in sets.items():
        rows = {measure: arms for measure, arms in measures.items() if len(arms) >= FEWEST_ARMS}
        arms = list(dict.fromkeys(arm for of_row in rows.values() for arm in of_row))
        if not arms:
            continue
        lines += [f"| {where} | {' | '.join(arms)} |", "| --- " * (len(arms) + 1) + "|"]
        for measure, of_row in rows.items():
            cells = [_short(of_row[arm]) if arm in of_row else "" for arm in arms]
            lines.append(f"| {measure} | {' | '.join(cells)} |")
            shown |= {f"{where}: {measure}, {arm}" for arm in of_row}
        lines.append("")
    return {name: of for name, of in figures.items() if name not in shown}, lines


def _short(estimate):
    return f"{estimate['mean']:.3f} ± {(estimate['high'] - estimate['low']) / 2:.3f}"


def _number(estimate):
    return f"{estimate['mean']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"


def _anchor(result):
    kept = [c for c in result["title"].lower() if c.isalnum() or c in " -_"]
    return "".join(kept).replace(" ", "-")
