"""PRM800K, phases 1 and 2 (Lightman et al., arXiv:2305.20050).

A row is one labelled solution. Each of its steps offers completions rated -1, 0, 1 or null; one was
chosen to go on with, or a person wrote one instead. The trajectory follows the chosen ones. A
person's completion counts as right, as labellers were asked to write a right one.

Where nothing was chosen or written the solution ends. Its last step is then the completion that the
solution itself had there: the only one offered, or in phase 2, which collects alternatives at the
first mistake, the one that `pre_generated_steps` repeats.
"""

from prm_jax.formats.trl import rating_label
from prm_jax.json_values import integer
from prm_jax.records import Trajectory

NAME = "prm800k"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("question"), dict) and isinstance(row.get("label"), dict)


def read(row, where, neutral="positive", alternatives=False):
    """Trajectories of one labelled solution.

    Args:
        row: parsed JSON.
        where: its place.
        neutral: what rating 0 means: 'positive' (Lightman et al.), 'negative' (TRL's converter) or
            'masked'.
        alternatives: also give, for every rated completion that was not taken, the trajectory that
            ends with it; its prefix is unlabelled, so that prefixes are not counted once per
            alternative.

    Returns:
        The trajectory of the solution, first; none if it has no step (some rows were given up at
        once).
    """
    question, label = row.get("question"), row.get("label")
    if not isinstance(question, dict):
        raise where.error("must be an object", field="question")
    if not isinstance(label, dict) or not isinstance(label.get("steps"), list):
        raise where.error("must be a list", field="label.steps")
    own_steps = question.get("pre_generated_steps") or []
    texts: list[str] = []
    labels: list[float | None] = []
    others = []
    for index, step in enumerate(label["steps"]):
        field = f"label.steps[{index}]"
        completions = _completions(step, where, field)
        own = own_steps[index] if index < len(own_steps) else None
        taken, goes_on = _taken(step, completions, own, where, field)
        if alternatives:
            for other in completions:
                rating = rating_label(other.get("rating"), neutral, where)
                if other is not taken and rating is not None:
                    others.append(([*texts, other["text"]], [None] * len(texts) + [rating]))
        if taken is None:
            break
        human = taken is step.get("human_completion") and taken.get("rating") is None
        texts.append(taken["text"])
        labels.append(1.0 if human else rating_label(taken.get("rating"), neutral, where))
        if not goes_on:
            break
    common = {
        "problem": question.get("problem"),
        "gold": question.get("ground_truth_answer"),
        "source": NAME,
        "meta": {name: value for name, value in row.items() if name not in ("question", "label")}
        | {"finish_reason": label.get("finish_reason")},
    }
    return [
        Trajectory.from_dict({**common, "steps": steps, "labels": step_labels}, where)
        for steps, step_labels in ([(texts, labels)] if texts else []) + others
    ]


def _completions(step, where, field):
    """The step's completions that have a text; null stands for none."""
    if not isinstance(step, dict) or not isinstance(step.get("completions"), list | None):
        raise where.error("must be an object with a list of completions or null", field=field)
    completions = step.get("completions") or []
    return [completion for completion in completions if _has_text(completion)]


def _taken(step, completions, own, where, field):
    """`(the completion that is the solution's step or None, whether the solution goes on)`."""
    chosen, human = step.get("chosen_completion"), step.get("human_completion")
    if chosen is None and _has_text(human):
        return human, True
    if chosen is None:
        same = [c for c in completions if c["text"] == own] or completions
        return (same[0] if len(same) == 1 else None), False
    offered = step.get("completions") or []
    index = integer(chosen)
    if index is None or not 0 <= index < len(offered):
        raise where.error(
            f"{chosen!r} is none of {len(offered)} completions", field=f"{field}.chosen_completion"
        )
    taken = offered[index]
    return (taken if _has_text(taken) else None), True


def _has_text(completion):
    if not isinstance(completion, dict):
        return False
    text = completion.get("text")
    return isinstance(text, str) and bool(text.strip())
