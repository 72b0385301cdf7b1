"""ER-PRM-Data (arXiv:2412.11006): `text` with the tag "ки" between the steps, and `value`, the
entropy-regularised reward of each step in [0, 1], never rounded.

Source: the authors' MCTS/convert_autoregressive.py and prm/kl_math_reward_ce.py: the i-th value
belongs to the i-th tag. The first script joins n steps with n - 1 tags, so that the last value may
belong to the text after the last tag; rows with a tag at the end too have as many values as tags.
"""

from prm_jax.formats import tagged
from prm_jax.records import Trajectory

NAME = "er_prm"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("text"), str) and isinstance(row.get("value"), list)


def read(row, where, joiner=None):
    """One trajectory a row; "Step i:" headers are kept out of the steps.

    Args:
        row: parsed JSON.
        where: its place.
        joiner: regex of what stands between question and first step, for rows that show neither a
            "Step 1:" nor a question mark.
    """
    fields = tagged.read(row, where, NAME, "text", "value", joiner, trailing=True)
    return [Trajectory.from_dict(fields, where)]
