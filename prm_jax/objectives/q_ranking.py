"""Process Q-value model: right steps in rising order above the question, wrong ones below it
(PQM, arXiv:2410.11287)."""

import chex
import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.objectives.reduction import is_right, masked, same_trajectory

VARIANTS = ("practical", "theoretical", "first_error")


def q_ranking(
    scores_BS,
    labels_BS,
    mask_BS,
    *,
    trajectory_BS=None,
    margin=4.0,
    variant="practical",
    own_twice=False,
):
    """Mean over trajectories of the comparative loss on unbounded Q values.

    With right steps c_1.. in order, wrong steps w, and the question as a virtual state of Q = 0,
    each right step t, and the question if the trajectory has a wrong step, costs
    log(1 + sum of exp(Q_c) over the right steps up to t + sum of exp(Q_w + margin)) - Q_t.

    Variants:
        practical: the mean of these terms (the paper's Eq. 10; it writes 1 / |C|, the released
            code counts the question too, as here).
        theoretical: also ranks each wrong step above the later ones (Eq. 9). As in the released
            code the terms above are divided by the labelled steps + 1, and those of the wrong steps
            by the labelled steps. UNSURE whether the paper has the margin and these divisors.
        first_error: of the wrong steps only the first counts, without margin (Eq. 12).

    Args:
        scores_BS: float[B,S] Q values: logits, whose minimum over the steps ranks solutions.
        labels_BS: float[B,S]; a step is right from 0.5 on.
        mask_BS: bool[B,S], True where a step is labelled.
        trajectory_BS: i32[B,S], the trajectory of each step in a packed row; None if each row is
            one.
        margin: zeta, added to wrong steps; the paper uses 2 and 4.
        variant: which loss.
        own_twice: whether exp(Q_t) is twice in the sum of every right step but a first one, as the
            released function and training scripts have it and Eq. 10 does not.

    Returns:
        `(loss, metrics)`: f32[] and a dict of f32[]: 'weight', the number of trajectories with a
        labelled step, and 'accuracy', the mean over them of the share of steps on the right side of
        the question.

    Raises:
        InputError: for an unknown variant or a negative margin.
    """
    if variant not in VARIANTS:
        raise InputError(
            f"unknown variant {variant!r}",
            field="objective_options",
            remedy=f"known are {', '.join(VARIANTS)}",
        )
    if margin < 0:
        raise InputError(f"a margin of {margin} is negative", field="objective_options")
    chex.assert_rank(scores_BS, 2)
    chex.assert_equal_shape([scores_BS, labels_BS, mask_BS])
    chex.assert_type(mask_BS, bool)
    scores_BS, labels_BS = masked(scores_BS, mask_BS), masked(labels_BS, mask_BS)
    right_BS, wrong_BS = mask_BS & (labels_BS >= 0.5), mask_BS & (labels_BS < 0.5)
    same_BSS = same_trajectory(mask_BS, trajectory_BS)
    earlier_SS = jnp.tri(mask_BS.shape[1], k=-1, dtype=bool)

    def has_earlier(x_BS):
        return (same_BSS & earlier_SS & x_BS[:, None, :]).any(-1)

    def count(x_BS):
        return (same_BSS & x_BS[:, None, :]).sum(-1)

    n_BS = count(mask_BS)
    lowered_BS = wrong_BS
    if variant == "first_error":
        lowered_BS, margin = wrong_BS & ~has_earlier(wrong_BS), 0.0
    below_BSS = same_BSS & lowered_BS[:, None, :]
    right_up_to_BSS = same_BSS & ~earlier_SS.T & right_BS[:, None, :]
    shifted_BS = scores_BS + margin * lowered_BS
    values_BSS = shifted_BS[:, None, :]
    first_BS = mask_BS & ~has_earlier(mask_BS)
    own_BSS = jnp.eye(mask_BS.shape[1], dtype=bool) & ~first_BS[:, :, None]
    doubled_BSS = values_BSS + own_twice * jnp.log(2.0) * own_BSS
    term_BS = _log_one_plus_sum(doubled_BSS, below_BSS | right_up_to_BSS) - scores_BS

    # The term of the question stands at the first labelled step of its trajectory.
    has_wrong_BS = count(wrong_BS) > 0
    question_BS = jnp.where(first_BS & has_wrong_BS, _log_one_plus_sum(values_BSS, below_BSS), 0.0)
    total_BS = jnp.where(right_BS, term_BS, 0.0) + question_BS
    if variant == "theoretical":
        total_BS = total_BS / (n_BS + 1)
        later_BSS = same_BSS & earlier_SS.T & wrong_BS[:, None, :]
        rank_BS = _log_sum(scores_BS, later_BSS) - scores_BS
        total_BS += jnp.where(wrong_BS, rank_BS, 0.0) / jnp.maximum(n_BS, 1)
    else:
        total_BS = total_BS / jnp.maximum(count(right_BS) + has_wrong_BS, 1)

    share_BS = is_right(scores_BS, labels_BS) / jnp.maximum(n_BS, 1)
    weight = jnp.sum(first_BS, dtype=jnp.float32)

    def mean(x_BS):
        return jnp.sum(masked(x_BS, mask_BS)) / jnp.maximum(weight, 1.0)

    return mean(total_BS), {"weight": weight, "accuracy": mean(share_BS)}


def _log_one_plus_sum(x_BSS, among_BSS):
    """log(1 + sum of exp(x) over the steps of `among_BSS[b, s]`)."""
    x_BSS = jnp.where(among_BSS, x_BSS, -jnp.inf)
    return jax.nn.logsumexp(jnp.pad(x_BSS, ((0, 0), (0, 0), (1, 0))), axis=-1)


def _log_sum(x_BS, among_BSS):
    """log of the sum of exp(x) over a step itself and the steps of `among_BSS[b, s]`."""
    own_SS = jnp.eye(x_BS.shape[1], dtype=bool)
    return jax.nn.logsumexp(jnp.where(among_BSS | own_SS, x_BS[:, None, :], -jnp.inf), axis=-1)
