"""Judging a solution from its texts alone.

Nothing here imports a generator: each checker reads the problem and the steps anew, so that
agreement with the labels is evidence for both.
"""

from prm_jax.data.synthetic.checkers.arithmetic import ArithmeticChecker
from prm_jax.data.synthetic.checkers.dyck import DyckChecker
from prm_jax.data.synthetic.checkers.judge import judge
from prm_jax.data.synthetic.checkers.linear_equations import LinearEquationsChecker
from prm_jax.data.synthetic.checkers.object_swaps import ObjectSwapsChecker
from prm_jax.errors import InputError

CHECKERS = (LinearEquationsChecker(), ArithmeticChecker(), DyckChecker(), ObjectSwapsChecker())


def check(trajectory) -> list[float]:
    """Judges every step by the problem and the steps before it, as they are written.

    A step that follows faithfully from a wrong one is right in this sense, as in the labels of
    after_error='local'.

    Args:
        trajectory: a `Trajectory` of one of the families; only `problem` and `steps` are read.

    Returns:
        1.0 (right) or 0.0 (wrong) per step.

    Raises:
        InputError: a text that no checker can read.
    """
    for checker in CHECKERS:
        problem = checker.read_problem(trajectory.problem)
        if problem is not None:
            return judge(checker, problem, trajectory.steps)
    raise InputError(
        "no checker reads this problem",
        field="problem",
        remedy="give one of the synthetic families",
    )
