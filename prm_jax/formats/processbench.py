"""ProcessBench (arXiv:2412.06559): `label` is the index of the earliest wrong step counted from 0,
or -1 for none.

Nothing is said of the steps after the first error, so they stay unlabelled. Other fields, such as
stored scores of published models, are kept in `meta`.

The benchmark is four subsets, and its figure is the mean over them. Its authors publish a file each
(gsm8k.json, math.json, olympiadbench.json, omnimath.json) whose rows do not say `split`; the subset
is then what the id begins with (gsm8k-12), else what the file or its directory is called.
"""

import re
import string
from pathlib import PurePath

from prm_jax.json_values import boolean, integer
from prm_jax.records import Trajectory

NAME = "processbench"
SUBSETS = {
    "gsm8k": r"gsm[-_ ]?8k",
    "math": r"math",
    "olympiadbench": r"olympiad[-_ ]?bench",
    "omnimath": r"omni[-_ ]?math",
}
"""The subsets and how they are written in ids and names of files."""


def detect(row):
    """Whether a row looks like this format."""
    return "steps" in row and "label" in row and "final_answer_correct" in row


def read(row, where):
    """One trajectory a row; `split`, or the subset that the id or the file tells, is the source."""
    fields = dict(row)
    given, correct = fields.pop("label", None), fields.pop("final_answer_correct", None)
    label, outcome = integer(given), boolean(correct)
    if label is None:
        raise where.error(f"must be an integer, not {given!r}", field="label")
    if correct is not None and outcome is None:
        raise where.error(f"must be true or false, not {correct!r}", field="final_answer_correct")
    fields |= {"first_error": label, "outcome": outcome}
    if fields.get("source") is None:
        found = fields.get("split") or _subset_of_id(fields.get("id")) or subset_of_file(where)
        fields["source"] = found or _subset_of_directory(where)
    return [Trajectory.from_dict(fields, where)]


def remark(trajectory, where):
    """That a row's subset is not known, was guessed, or is another than its file's name says."""
    source, of_file = trajectory.source, subset_of_file(where)
    if source is None:
        return f"{NAME}: neither split, id nor file names a subset of these rows"
    if of_file and source in SUBSETS and source != of_file:
        return f"{NAME}: rows of {source} in a file that is named after {of_file}"
    if not of_file and not trajectory.meta.get("split") and not _subset_of_id(trajectory.id):
        if source == _subset_of_directory(where):
            return f"{NAME}: taken for {source} after the name of their directory"
    return None


def subset_of_file(where) -> str | None:
    """The one subset that the file's name tells."""
    return _only_subset(PurePath(where.file).name)


def _subset_of_directory(where):
    return _only_subset(PurePath(where.file).parent.name)


def _subset_of_id(name):
    """The subset that an id such as gsm8k-12 begins with."""
    begin = name.rstrip(string.digits) if isinstance(name, str) else name
    return None if begin == name else _only_subset(begin)


def _only_subset(text):
    """The subset that a text names; None if it names none, or several."""
    rest, found = text.lower(), []
    for name, pattern in sorted(SUBSETS.items(), key=lambda item: -len(item[0])):
        cut = re.sub(rf"(?<![a-z0-9]){pattern}(?![a-z0-9])", " ", rest)
        found += [name] if cut != rest else []
        rest = cut
    return found[0] if len(found) == 1 else None


def write(trajectory):
    """The row of a trajectory whose first error and outcome are known.

    Raises:
        ValueError: one of the two is unknown.
    """
    if trajectory.first_error is None or trajectory.outcome is None:
        raise ValueError("ProcessBench rows need first_error and outcome")
    return {
        "id": trajectory.id,
        "split": trajectory.source,
        **trajectory.meta,
        "problem": trajectory.problem,
        "steps": list(trajectory.steps),
        "final_answer_correct": bool(trajectory.outcome),
        "label": trajectory.first_error,
    }
