"""Socratic-PRMBench (arXiv:2505.23474): PRMBench's layout, with errors of six reasoning patterns.

`error_steps` name the wrong steps of `modified_process`, **counted from 1**; every other step is
right. It is told from PRMBench by the class of its errors (20 of them, such as "Transformation
Inconsistency"), or by the patterns that stand in front of its steps ("<Deduction>: ..."). Source:
the paper, and code that loads the files (fields `idx`, `modified_question`, `modified_process`,
`error_steps`, `classification`, `reason`). UNSURE: the spelling of the classes in the files; rows
without an `original_process` are read, but not with `process=original`.
"""

import dataclasses
from pathlib import Path

from prm_jax.formats import prmbench

NAME = "socratic_prmbench"


def detect(row):
    """Whether a row looks like this format."""
    return prmbench.is_row(row) and prmbench.is_socratic(row)


def read(row, where, process="modified"):
    """One trajectory a row, or two: as PRMBench's, with a source and ids of their own.

    Args:
        row: parsed JSON.
        where: its place.
        process: 'modified', 'original' (all of its steps are right), or 'both', original first.
    """
    given = dict(row)
    if given.get("classification") is None:
        given["classification"] = Path(where.file).stem
    if process == "modified" and given.get("original_process") is None:
        given["original_process"] = given.get("modified_process")
    found = prmbench.read(given, where, process)
    return [
        dataclasses.replace(t, source=f"{NAME}/{t.meta['classification']}", id=f"{NAME}/{t.id}")
        for t in found
    ]


def remark(trajectory, where):
    """That a number of no step was ignored."""
    ignored = trajectory.meta.get(prmbench.IGNORED)
    return f"{NAME}: {prmbench.IGNORE_RULE}" if ignored else None
