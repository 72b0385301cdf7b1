"""Domain reweighting in two levels (DreamPRM, arXiv:2505.20241).

The lower level trains a process reward model on a weighted sum of the losses of its domains, the
sources it learns from. The upper level sets the weights so that the trained model does well on a
trusted set of whole solutions. `hypergradient.py` has the gradient through the lower level.
"""

import chex
import jax
import jax.numpy as jnp

from prm_jax.objectives.mse import mse
from prm_jax.objectives.reduction import masked, same_trajectory


def domain_weights(logits_K):
    """Positive weights of mean 1: softplus(a) over its mean.

    Args:
        logits_K: float[K]; equal ones, such as the zeros of the start, give weights of 1.

    Returns:
        f32[K].
    """
    positive_K = jax.nn.softplus(logits_K.astype(jnp.float32))
    return positive_K / positive_K.mean()


def domain_of(step_example_BS, sizes):
    """The domain of each step: the source that holds its trajectory.

    Args:
        step_example_BS: i32[B,S] number of the trajectory in a corpus, source after source.
        sizes: number of trajectories of each source (`Corpus.sizes`).

    Returns:
        i32[B,S] in [0, K); without meaning where there is no step.
    """
    ends_K = jnp.cumsum(jnp.asarray(sizes, jnp.int32))
    return jnp.searchsorted(ends_K, step_example_BS, side="right").astype(jnp.int32)


def reweighted(loss_of, domain_BS, weights_K):
    """An objective with a weight per domain.

    The sum over k of w_k n_k / N L_k, where L_k is the objective on the labels of domain k, a mean
    over n_k of N. With weights of 1 it is the objective itself. What `loss_of` computes apart from
    its argument, such as the forward pass of a model, is computed once, not K times.

    Args:
        loss_of: `inside_BS -> (loss, metrics)`, an objective on the labels of the steps where
            inside_BS, bool[B,S], is True; `metrics['weight']` is what its mean counts.
        domain_BS: i32[B,S], the domain of each step, the same for all that meet in the loss.
        weights_K: f32[K].

    Returns:
        `(loss, metrics)` as the objective gives them; only the loss is weighted.
    """
    chex.assert_rank([domain_BS, weights_K], [2, 1])
    number_K = jnp.arange(weights_K.shape[0])
    loss_K, metrics_K = jax.vmap(lambda k: loss_of(domain_BS == k))(number_K)
    count_K = metrics_K["weight"]
    total = count_K.sum()
    share_K = count_K / jnp.maximum(total, 1.0)
    metrics = {name: (share_K * value_K).sum() for name, value_K in metrics_K.items()}
    return (weights_K * share_K * loss_K).sum(), {**metrics, "weight": total}


def aggregation_loss(scores_BS, outcomes_BS, mask_BS, *, trajectory_BS=None):
    """Squared error of sigmoid(mean of the step logits) against the solution's outcome.

    The paper averages logit(p_i); here the logits come as they are, finite where p is 0 or 1.

    Args:
        scores_BS: float[B,S] step logits.
        outcomes_BS, mask_BS: as in `orm_bce`, the outcome at the last step of each solution.
        trajectory_BS: i32[B,S], the trajectory of each step in a packed row; None if each row is
            one.

    Returns:
        `(loss, metrics)` as `mse` gives them; 'weight' counts solutions.
    """
    chex.assert_equal_shape([scores_BS, outcomes_BS, mask_BS])
    if trajectory_BS is None:
        trajectory_BS = jnp.zeros(mask_BS.shape, jnp.int32)
    not_later_SS = jnp.tri(mask_BS.shape[1], dtype=bool)
    own_BSS = same_trajectory(jnp.ones_like(mask_BS), trajectory_BS) & not_later_SS
    own_BSS &= mask_BS[:, :, None]
    sum_BS = masked(scores_BS[:, None, :], own_BSS).sum(-1)
    return mse(sum_BS / jnp.maximum(own_BSS.sum(-1), 1), outcomes_BS, mask_BS)
