"""PRMBench (arXiv:2501.03124): a right process and one that was modified to hold errors of a class.

`error_steps` name the wrong steps of `modified_process`, **counted from 1**; every other step is
right, also after the first error. A "3. " in front of a step is stripped, as the published
evaluation does. About 2 in 100 published rows name a step that is not there; as in that evaluation,
which only asks of each step whether it is named, such a number says nothing and the row is kept.
"""

import re
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.json_values import integer
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "prmbench"
PROCESSES = ("modified", "original", "both")
CLASSES = (
    "redundency",  # spelled so in the files
    "circular",
    "counterfactual",
    "step_contradiction",
    "domain_inconsistency",
    "confidence",
    "missing_condition",
    "deception",
    "multi_solutions",
)
NOT_KEPT = ("question", "original_process", "modified_process", "classification", "idx")
IGNORED = "ignored_error_steps"  # in `meta`, of rows that name a step past the end
IGNORE_RULE = "numbers in error_steps past the last step are ignored"
NUMBER = re.compile(r"\s*\d+\.\s+(?=\S)")
PATTERNS = "transformation|decomposition|regather|deduction|verification|integration"
SOCRATIC_CLASS = re.compile(f"{PATTERNS}|premise|conclusion", re.IGNORECASE)
SOCRATIC_TAG = re.compile(rf"\s*(?:(?:step\s*)?\d+\W*)?<(?:{PATTERNS})>", re.IGNORECASE)


def detect(row):
    """Whether a row looks like this format."""
    return is_row(row) and not is_socratic(row)


def is_row(row):
    """Whether a row has the fields of this layout, which Socratic-PRMBench took over."""
    return "modified_process" in row and "error_steps" in row


def is_socratic(row):
    """Whether the class of a row, or the tags before its steps, are Socratic-PRMBench's."""
    steps = row.get("modified_process")
    texts = [step for step in steps if isinstance(step, str)] if isinstance(steps, list) else []
    tagged = any(SOCRATIC_TAG.match(text) for text in texts)
    return tagged or SOCRATIC_CLASS.search(str(row.get("classification"))) is not None


def read(row, where, process="modified"):
    """One trajectory a row, or two.

    Args:
        row: parsed JSON.
        where: its place; the class is looked for in the file's name if the row has no
            `classification`.
        process: 'modified', 'original' (all of its steps are right), or 'both', original first.

    Returns:
        list of `Trajectory`; those of one `idx` share a group over all classes. The class is
        `meta['classification']` and part of the source, the 1-based `error_steps` stay in `meta`,
        those of no step in `meta['ignored_error_steps']`, too.

    Raises:
        InputError: names the field; a row is refused whole, whichever process is asked for.
    """
    if process not in PROCESSES:
        raise InputError(
            f"unknown process {process!r}", field="process", remedy=f"one of {', '.join(PROCESSES)}"
        )
    kind = _class(row, where)
    steps = {name: _steps(row, f"{name}_process", where) for name in ("original", "modified")}
    named = _named(row, where)
    n_steps = len(steps["modified"])
    wrong = {"original": set(), "modified": {number - 1 for number in named if number <= n_steps}}
    ignored = [number for number in named if number > n_steps]
    group = name_of(row.get("idx")) or where.name
    kept = {name: value for name, value in row.items() if name not in NOT_KEPT}
    kept |= {IGNORED: ignored} if ignored else {}
    found = []
    for name in ("original", "modified") if process == "both" else (process,):
        question = row.get(f"{name}_question") or row.get("question")
        if not isinstance(question, str):
            raise where.error("must be a string", field=f"{name}_question")
        fields = {
            "problem": question,
            "steps": steps[name],
            "labels": [0 if i in wrong[name] else 1 for i in range(len(steps[name]))],
            "first_error": min(wrong[name], default=-1),
            "id": f"{group}/{kind}/{name}",
            "group": group,
            "source": f"{NAME}/{kind}",
            "meta": {**kept, "classification": kind, "process": name},
        }
        found.append(Trajectory.from_dict(fields, where))
    return found


def remark(trajectory, where):
    """That a number of no step was ignored."""
    return f"{NAME}: {IGNORE_RULE}" if trajectory.meta.get(IGNORED) else None


def _class(row, where):
    kind = row.get("classification")
    if kind is None:
        stem = Path(where.file).name.lower()
        return next((name for name in CLASSES if name in stem), "unknown")
    if not isinstance(kind, str):
        raise where.error("must be a string", field="classification")
    return kind


def _steps(row, field, where):
    steps = row.get(field)
    if not isinstance(steps, list) or not steps:
        raise where.error(
            "must be a list with at least one step", field=field, remedy="leave the row out"
        )
    for index, step in enumerate(steps):
        if not isinstance(step, str) or not step.strip():
            raise where.error(
                "must be a string that is not empty",
                field=f"{field}[{index}]",
                remedy="leave the row out: without the step the numbers of its errors are off",
            )
    return [NUMBER.sub("", step, count=1) if NUMBER.match(step) else step for step in steps]


def _named(row, where):
    """The numbers that the row gives as wrong steps, from 1."""
    numbers = row.get("error_steps")
    if not isinstance(numbers, list):
        raise where.error("must be a list of step numbers", field="error_steps")
    found = [integer(number) for number in numbers]
    for given, number in zip(numbers, found):
        if number is None:
            raise where.error(f"must hold integers, not {given!r}", field="error_steps")
        if number < 1:
            raise where.error(
                f"{number} is no step", field="error_steps", remedy="steps count from 1"
            )
    return found
