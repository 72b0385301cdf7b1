"""Problems as trees whose values are known: every prefix of a solution is a node, every step a
branch, and the policy's chance to end right from a node is exact.

A node's quality is that of its parent and a normal change; the policy does not see it. The value of
a leaf is the chance that the answer given there is right, and by backward recursion that of any
other node is the mean of its children's under the policy.

Level h has the nodes of all prefixes of h steps; child b of node i is node i * M + b of the next.
Shape letters: N problems, I nodes of a level, M branches of a node.
"""

import dataclasses

import numpy as np

from prm_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class TreeOptions:
    """How trees are drawn.

    Fields:
        depth: steps of a solution.
        branches: possible steps at each node.
        ease: log-odds of success at the mean quality; `spread` of problems around it.
        step_effect: standard deviation of what a step does to them.
        temperature: of the policy's choices; 0 chooses evenly.
    """

    depth: int = 5
    branches: int = 6
    ease: float = -3.0
    spread: float = 1.0
    step_effect: float = 1.0
    temperature: float = 1.0

    def __post_init__(self):
        for field in ("depth", "branches"):
            if getattr(self, field) < 1:
                raise InputError(f"{getattr(self, field)} is below 1", field=field)


@dataclasses.dataclass(frozen=True)
class Trees:
    """Trees as one array a level.

    Fields:
        values: of levels 0 to H, f64[N,I], the policy's chance to end right.
        policy: of levels 0 to H-1, f64[N,I,M], its probabilities of the branches.
    """

    values: tuple[np.ndarray, ...]
    policy: tuple[np.ndarray, ...]


def draw(n_problems: int, options: TreeOptions, rng) -> Trees:
    """Draws trees.

    Args:
        n_problems: how many.
        options: `TreeOptions`.
        rng: numpy Generator.

    Returns:
        `Trees`.
    """
    M = options.branches
    quality_NI = options.ease + options.spread * rng.standard_normal((n_problems, 1))
    policy = []
    for _ in range(options.depth):
        shape_NIM = (*quality_NI.shape, M)
        preferred_NIM = np.exp(options.temperature * rng.standard_normal(shape_NIM))
        policy.append(preferred_NIM / preferred_NIM.sum(-1, keepdims=True))
        change_NIM = options.step_effect * rng.standard_normal(shape_NIM)
        quality_NI = (quality_NI[..., None] + change_NIM).reshape(n_problems, -1)
    values = [1 / (1 + np.exp(-quality_NI))]
    for policy_NIM in reversed(policy):
        values.append((policy_NIM * values[-1].reshape(policy_NIM.shape)).sum(-1))
    return Trees(tuple(reversed(values)), tuple(policy))


def best_of_k_values(values, k: int) -> tuple[np.ndarray, ...]:
    """Values of the prover that completes a prefix k times by the policy and ends right if any of
    the completions does: 1 - (1 - V)^k, at every node.

    Args:
        values: of each level, f64[N,I].
        k: completions; 1 gives the policy's values.
    """
    return tuple(1 - (1 - values_NI) ** k for values_NI in values)


def estimated(values, n_rollouts: int, rng) -> tuple[np.ndarray, ...]:
    """The share of rollouts from every node that end right, drawn from its exact value.

    Args:
        values: of each level, f64[N,I].
        n_rollouts: from each node; 0 gives the exact values.
        rng: numpy Generator.
    """
    if not n_rollouts:
        return tuple(values)
    return tuple(rng.binomial(n_rollouts, values_NI) / n_rollouts for values_NI in values)


def sampled_steps(trees: Trees, n: int, rng) -> list[np.ndarray]:
    """Different steps that the policy samples at every node, one after the other.

    Args:
        trees: `Trees`.
        n: steps at each node, at most the branches there are.
        rng: numpy Generator.

    Returns:
        For levels 0 to H-1 i64[N,I,n], the nodes of the next level they lead to; the first is a
        plain sample of the policy.

    Raises:
        InputError: for more steps than branches.
    """
    sampled = []
    for policy_NIM in trees.policy:
        _, I, M = policy_NIM.shape
        if n > M:
            raise InputError(f"{n} different steps of {M} branches", field="sampled")
        # The largest of log p + Gumbel noise is a sample of p, the next ones of what is left.
        keys_NIM = np.log(policy_NIM) + rng.gumbel(size=policy_NIM.shape)
        chosen_NIn = np.argsort(-keys_NIM, axis=-1)[..., :n]
        sampled.append(np.arange(I)[:, None] * M + chosen_NIn)
    return sampled


def sampled_solutions(trees: Trees, n: int, rng) -> np.ndarray:
    """Solutions that the policy samples: i64[N,n], the leaves that n of them end at, with repeats.

    Args:
        trees: `Trees`.
        n: solutions of each problem.
        rng: numpy Generator.
    """
    node_Nn = np.zeros((len(trees.values[0]), n), np.int64)
    for policy_NIM in trees.policy:
        policy_NnM = np.take_along_axis(policy_NIM, node_Nn[..., None], axis=1)
        step_Nn = np.argmax(np.log(policy_NnM) + rng.gumbel(size=policy_NnM.shape), axis=-1)
        node_Nn = node_Nn * policy_NIM.shape[-1] + step_Nn
    return node_Nn
