"""PRM800K, phases 1 and 2 (Lightman et al., arXiv:2305.20050).

A row is one labelled solution: at every step one or more completions with a rating in {-1, 0, 1,
    null}, of which one was chosen to
go on with, or a human wrote one. The trajectory follows the chosen ones; a human completion counts
as right, as the labellers
were asked to write a right one. It ends where nothing was chosen and nothing written: then the one
alternative there is, if
there is exactly one, is its last step.
"""

from prm_jax.formats.trl import rating_label
from prm_jax.records import Trajectory

NAME = "prm800k"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("question"), dict) and isinstance(row.get("label"), dict)


def read(row, where, neutral="positive", alternatives=False):
    """Trajectories of one labelled solution.

    Args:
        row: parsed JSON. where: its place.
        neutral: what rating 0 means: 'positive' (Lightman et al.), 'negative' (TRL's converter) or
            'masked'.
        alternatives: also give, for every rated completion that was not chosen, the trajectory that
            ends with it; its prefix
            is unlabelled, so that prefixes are not counted once per alternative.

    Returns:
        The chosen trajectory (none if no step was chosen) and the alternatives.
    """
    question = row.get("question") or {}
    if not isinstance(question.get("problem"), str):
        raise where.error("is missing", field="question.problem")
    steps = row["label"].get("steps")
    if not isinstance(steps, list):
        raise where.error("is missing", field="label.steps", remedy="give a list")
    common = {
        "problem": question["problem"],
        "gold": question.get("ground_truth_answer"),
        "answer": question.get("pre_generated_answer"),
        "source": "prm800k",
        "meta": {"finish_reason": row["label"].get("finish_reason")},
    }
    texts, labels, found = [], [], []
    for index, step in enumerate(steps):
        completions = [c for c in step.get("completions") or [] if c and c.get("text")]
        chosen = _chosen(step, where, index)
        if alternatives:
            for completion in completions:
                label = rating_label(completion.get("rating"), neutral, where)
                if completion is not chosen and label is not None and completion["text"].strip():
                    prefix = [None] * len(texts)
                    found.append((texts + [completion["text"]], prefix + [label]))
        if chosen is None and len(completions) == 1 and not alternatives:
            chosen = completions[0]
        if chosen is None or not chosen["text"].strip():
            break
        human = chosen is step.get("human_completion")
        texts.append(chosen["text"])
        labels.append(1.0 if human else rating_label(chosen.get("rating"), neutral, where))
    found = ([(texts, labels)] if texts else []) + found
    return [
        Trajectory.from_dict({**common, "steps": steps_, "labels": labels_}, where)
        for steps_, labels_ in found
    ]


def _chosen(step, where, index):
    """The completion that the solution goes on with, or None."""
    chosen = step.get("chosen_completion")
    completions = step.get("completions") or []
    if chosen is None:
        human = step.get("human_completion")
        return human if human and human.get("text") else None
    if not isinstance(chosen, int) or not 0 <= chosen < len(completions):
        raise where.error(
            f"{chosen!r} is none of {len(completions)} completions",
            field=f"label.steps[{index}].chosen_completion",
        )
    return completions[chosen]
