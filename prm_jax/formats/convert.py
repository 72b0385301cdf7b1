"""One format into another, with an account of what was left out or lost on the way.

Every written row is read back, and what differs from the trajectory it was made of is reported as
lost. So the account holds for any format, without a table of what each can say.
"""

import re
from pathlib import Path

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.files import beside, check_writable, write_json
from prm_jax.records import Rejects, Where, write_jsonl

EXAMPLES = 5  # names of trajectories per reason in the report
SINGLE = ("outcome", "answer", "gold", "id", "group", "source")


def convert(input, output, to, format="auto", skip_bad=False, **options):
    """Converts files to JSON lines of another format.

    Args:
        input: file, directory, glob or list, as `formats.read` takes it.
        output: the file to write; OUTPUT.report.json appears beside it.
        to: name of a format that has a writer.
        format: the input's, or 'auto'.
        skip_bad: leave out rows that cannot be read (they go to OUTPUT.rejects.jsonl) and
            trajectories that the target cannot hold, instead of raising at the first.
        **options: of the reader, such as `neutral` or `after_error`.

    Returns:
        The report, a dict: `rows_read`, `trajectories_read`, `rows_written`; `refused` (rows),
        `left_out` (trajectories) and `lost` (parts of trajectories that were written), each a dict
        reason -> {'count', 'examples'}: N in a reason stands for any number, examples are ids or
        places. `rows_read` counts rows that gave a trajectory.

    Raises:
        InputError: nothing could be written, or the first bad row without `skip_bad`; there is no
            output then.
    """
    writer = formats.writer(to)
    report_path = beside(output, ".report.json")
    if Path(output).resolve() in [Path(file).resolve() for file in formats.files(input)]:
        raise InputError("is also the input", file=output, remedy="write to another file")
    check_writable(output)
    check_writable(report_path)
    rejects = Rejects(beside(output, ".rejects.jsonl")) if skip_bad else None
    rows, places, n_read = [], set(), 0
    refused: dict[str, dict] = {}
    left_out: dict[str, dict] = {}
    lost: dict[str, dict] = {}
    for where, trajectory in formats.iterate(input, format, rejects, **options):
        places.add(where)
        n_read += 1
        name = trajectory.id or where.name
        try:
            row = writer.write(trajectory)
        except ValueError as error:
            if not skip_bad:
                raise where.error(
                    f"cannot be written as {to}: {error}",
                    remedy="leave such rows out with skip_bad, or choose another format",
                ) from error
            _note(left_out, _without_numbers(str(error)), name)
            continue
        rows.append(row)
        for reason in _losses(trajectory, row, writer, Where(str(output), len(rows))):
            _note(lost, reason, name)
    if not rows:
        first = next(iter(left_out), "the input has no trajectory")
        raise InputError(f"nothing to write as {to}: {first}", file=output)
    for row in rejects.rows if rejects else ():
        problem = row["error"].partition(f":{row['line']}: ")[2] or row["error"]
        _note(
            refused, _without_numbers(problem.split("; ")[0]), Where(row["file"], row["line"]).name
        )
    write_jsonl(output, rows)
    if rejects:
        rejects.write()
    report = {
        "input": str(input),
        "output": str(output),
        "from": format if format != "auto" else _detected(input),
        "to": to,
        "rows_read": len(places),
        "trajectories_read": n_read,
        "rows_written": len(rows),
        "refused": refused,
        "left_out": left_out,
        "lost": lost,
    }
    write_json(report_path, report)
    return report


def _detected(input):
    """The format of the first row that fits one, as the reader finds it."""
    for file in formats.files(input):
        for _, row in formats.rows(file, Rejects("")):
            module = formats.detected(row) if isinstance(row, dict) else None
            if module is not None:
                return module.NAME
    return "auto"


def _note(account, reason, name):
    entry = account.setdefault(reason, {"count": 0, "examples": []})
    entry["count"] += 1
    if len(entry["examples"]) < EXAMPLES:
        entry["examples"].append(name)


def _without_numbers(reason):
    return re.sub(r"\d+", "N", reason)  # else every row would be a reason of its own


def _losses(trajectory, row, writer, where):
    """The reasons why `row` does not say all of `trajectory`."""
    try:
        found = writer.read(row, where)
    except InputError as error:
        return [f"the row cannot be read back without options: {error.problem}"]
    if len(found) != 1:
        return ["the row is read back as several trajectories"]
    (back,) = found
    reasons = []
    if back.problem != trajectory.problem:
        reasons.append("problem: the text is changed")
    if len(back.steps) != len(trajectory.steps):
        return [*reasons, "steps: their number is changed"]
    if back.steps != trajectory.steps:
        reasons.append("steps: the text is changed (white space or headers)")
    pairs = list(zip(trajectory.step_labels(), back.step_labels()))
    if any(old is not None and new is None for old, new in pairs):
        reasons.append("labels: not kept (such as those after the first error)")
    if any(old is None and new is not None for old, new in pairs):
        reasons.append("labels: a step without one is given one")
    both = [(old, new) for old, new in pairs if None not in (old, new) and old != new]
    if any(0 < old < 1 for old, _ in both):
        reasons.append("labels: soft labels are rounded")
    if any(old in (0, 1) for old, _ in both):
        reasons.append("labels: right and wrong are changed")
    if trajectory.first_error is not None and first_error(back) != trajectory.first_error:
        reasons.append("first_error: not kept")
    for name in SINGLE:
        old = getattr(trajectory, name)
        if old is not None and old != getattr(back, name):
            reasons.append(f"{name}: not kept")
    missing = [key for key in trajectory.meta if key not in back.meta]
    changed = [k for k, v in trajectory.meta.items() if k in back.meta and back.meta[k] != v]
    reasons += [f"meta.{key}: not kept" for key in missing]
    return reasons + [f"meta.{key}: changed" for key in changed]


def first_error(trajectory):
    """The first error that is given, or that full labels show; None if neither tells.

    A soft label below 0.5 is an error, -1 stands for none.
    """
    labels = trajectory.step_labels()
    if trajectory.first_error is not None:
        return trajectory.first_error
    wrong = [i for i, label in enumerate(labels) if label is not None and label < 0.5]
    known = labels[: wrong[0]] if wrong else labels
    return None if None in known else (wrong[0] if wrong else -1)
