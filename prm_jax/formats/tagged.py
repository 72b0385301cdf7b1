"""Solutions as one text with the tag "ки" after every step, as Math-Shepherd introduced it.

The question stands in front, so the text is cut twice: at the tags, and where the first step
begins. Both cuts are made here, so that the formats that share the text differ only in their
labels.
"""

import re

from prm_jax.errors import InputError
from prm_jax.formats import marks

TAG = "ки"
HEADER = re.compile(r"(?:^|\s)[Ss]tep 1\s*:")


def cut(text, labels, where, field, joiner=None):
    """The question, the steps and their labels.

    Args:
        text: question and solution.
        labels: one for each tag, and optionally one for the text after the last tag, which is
            unlabelled otherwise. A tag inside the question takes its label with it.
        where: place of the row.
        field: name of the text, for messages.
        joiner: regex of what stands between question and first step; its last match before the
            first tag counts. By default the question ends where "Step 1:" begins, or at its first
            question mark.

    Returns:
        `(question, list of steps, list of labels)`; "Step i:" headers are no part of the steps.

    Raises:
        InputError: nothing shows where the question ends, or the joiner is no regex.
    """
    pieces = text.split(TAG)
    labels = [*labels, *[None] * (len(pieces) - len(labels))]
    question, index, first = _question(pieces, where, field, joiner)
    texts = [_without_header(piece) for piece in (first, *pieces[index + 1 :])]
    kept = [(text, label) for text, label in zip(texts, labels[index:]) if text]
    return question, [text for text, _ in kept], [label for _, label in kept]


def read(row, where, name, text, values, joiner, trailing=False):
    """Fields of a `Trajectory` from a row of a tagged text and a list of labels.

    Args:
        row: parsed JSON.
        where: its place.
        name: of the format, which becomes the source.
        text, values: names of the fields. There must be one value a tag.
        joiner: as in `cut`.
        trailing: whether there may also be one for the text after the last tag.

    Raises:
        InputError: names the field.
    """
    if not isinstance(row.get(text), str):
        raise where.error("must be a string", field=text)
    if row.get(values) is None:
        raise where.error("is missing", field=values, remedy=f"give one for each tag {TAG!r}")
    found = marks.labels(row[values], where, values)
    n_tags = row[text].count(TAG)
    last = trailing and bool(row[text].rpartition(TAG)[2].strip())
    if len(found) != n_tags and not (last and len(found) == n_tags + 1):
        raise where.error(f"has {len(found)} entries for {n_tags} tags {TAG!r}", field=values)
    question, steps, labels = cut(row[text], found, where, text, joiner)
    return {
        "problem": question,
        "steps": steps,
        "labels": labels,
        "source": name,
        "meta": {key: value for key, value in row.items() if key not in (text, values)},
    }


def write(trajectory, end):
    """The text of a trajectory with `end(i)` after step i, which is the tag or what replaces it.

    Raises:
        ValueError: a step has no label or the text holds a tag.
    """
    if None in trajectory.step_labels():
        raise ValueError("rows of tagged text need a label at every step")
    if any(TAG in text for text in (trajectory.problem, *trajectory.steps)):
        raise ValueError(f"the text holds the step tag {TAG!r}")
    lines = [f"Step {i + 1}: {step} {end(i)}" for i, step in enumerate(trajectory.steps)]
    return f"{trajectory.problem} " + "\n".join(lines)


def split_at_last(joiner, text):
    """`(before, after)` the last match of a regex in a text; None if there is none.

    Raises:
        InputError: it is no regex.
    """
    try:
        matches = list(re.finditer(joiner, text))
    except (re.error, TypeError) as error:
        raise InputError(f"{joiner!r} is no regex: {error}", field="joiner") from error
    return (text[: matches[-1].start()], text[matches[-1].end() :]) if matches else None


def _question(pieces, where, field, joiner):
    """`(question, index of the piece with the first step, text of that step)`."""
    if joiner is not None:
        if parts := split_at_last(joiner, pieces[0]):
            return parts[0].strip(), 0, parts[1]
        raise where.error("the joiner does not match before the first tag", field=field)
    for index, piece in enumerate(pieces):
        if header := HEADER.search(piece):
            question = "".join(pieces[:index]) + piece[: header.start()]
            return question.strip(), index, piece[header.end() :]
    question, mark, step = pieces[0].partition("?")
    if not mark:
        raise where.error(
            "has neither a 'Step 1:' nor a question mark",
            field=field,
            remedy="give the option joiner, a regex of what stands between question and first step",
        )
    return question.strip() + "?", 0, step


def _without_header(piece):
    return re.sub(r"^\s*[Ss]tep \d+\s*:", "", piece).strip()
