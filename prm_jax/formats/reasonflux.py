"""ReasonFlux-PRM (arXiv:2506.18896): thoughts with rewards of the steps and of the whole.

The released model takes a problem and a list of steps, which blank lines of the text separate.
UNSURE: its training rows are not public. The fields here are named after the paper's quantities and
are options: a reward in [0, 1] for each step, and one for the trajectory, the share of right
answers that a policy reaches with its template. That is no outcome of the trajectory's own answer,
so it stays in `meta` unless asked for.
"""

from prm_jax.errors import InputError
from prm_jax.formats import side_fields
from prm_jax.records import Trajectory

NAME = "reasonflux"
TRAJECTORY = ("meta", "outcome")


def detect(row):
    """Whether a row looks like this format."""
    return "completion" in row and "step_rewards" in row


def read(
    row,
    where,
    trajectory="meta",
    completion="completion",
    step_rewards="step_rewards",
    trajectory_reward="trajectory_reward",
):
    """One trajectory a row.

    Args:
        row: parsed JSON.
        where: its place.
        trajectory: where the trajectory's reward goes: 'meta', or 'outcome' (it must be 0 or 1).
        completion: field of the steps: a list, or a text with blank lines between them.
        step_rewards, trajectory_reward: fields of the rewards.
    """
    if trajectory not in TRAJECTORY:
        remedy = f"one of {', '.join(TRAJECTORY)}"
        raise InputError(f"unknown place {trajectory!r}", field="trajectory", remedy=remedy)
    steps, rewards = row.get(completion), row.get(step_rewards)
    if isinstance(steps, str):
        steps = [piece.strip() for piece in steps.split("\n\n") if piece.strip()]
    if not isinstance(steps, list):
        raise where.error("must be a list of steps or a text", field=completion)
    if not isinstance(rewards, list) or len(rewards) != len(steps):
        found = len(rewards) if isinstance(rewards, list) else "no"
        raise where.error(f"has {found} entries for {len(steps)} steps", field=step_rewards)
    fields = {
        **side_fields.from_row(row, "problem", completion, step_rewards, trajectory_reward),
        "problem": row.get("problem"),
        "steps": steps,
        "labels": rewards,
    }
    if trajectory_reward in row:
        if trajectory == "outcome":
            fields["outcome"] = row[trajectory_reward]
        else:
            fields["meta"][trajectory_reward] = row[trajectory_reward]
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The row of a trajectory; unlabelled steps have null. An outcome stays an outcome."""
    return {
        "problem": trajectory.problem,
        "completion": list(trajectory.steps),
        "step_rewards": list(trajectory.step_labels()),
        **side_fields.to_row(trajectory),
    }
