"""Labels that know less than the truth: shares of right completions, and flipped labels."""

import dataclasses

import numpy as np

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.reproduce.chains import Chains


@dataclasses.dataclass(frozen=True)
class Completer:
    """A policy that completes a chain, as a Markov chain of "the number shown is right".

    Fields:
        accuracy: chance that a step after a right number keeps it right.
        repair: chance that a step after a wrong number makes it right again.
        luck: chance that a chain which ends wrong counts as right all the same.
    """

    accuracy: float = 0.9
    repair: float = 0.0
    luck: float = 0.0

    def values(self, max_steps: int) -> np.ndarray:
        """The chance to end right, by backward recursion: f64[max_steps + 1, 2].

        Row k is for k steps to go; column 1 after a right number, column 0 after a wrong one.
        """
        values = np.empty((max_steps + 1, 2))
        values[0] = self.luck, 1.0
        move = np.array([[1 - self.repair, self.repair], [1 - self.accuracy, self.accuracy]])
        for k in range(max_steps):
            values[k + 1] = move @ values[k]
        return values


def exact_values(chains: Chains, completer: Completer) -> np.ndarray:
    """The chance that the completer ends right from each step of each chain: f64[N,S]."""
    S = chains.mask_NS.shape[1]
    to_go_NS = np.clip(chains.n_steps_N[:, None] - 1 - np.arange(S), 0, None)
    return completer.values(S)[to_go_NS, chains.labels("state").astype(int)]


def monte_carlo_labels(chains: Chains, completer: Completer, n: int, rng) -> np.ndarray:
    """The share of `n` completions from each step that end right (Math-Shepherd's soft labels).

    The completions of different steps are independent, so the number that end right is binomial
    with the exact value as its chance, and is drawn from that. The hard label is `share > 0`.

    Args:
        chains: `Chains`.
        completer: `Completer`.
        n: completions of each step.
        rng: numpy Generator.

    Returns:
        f64[N,S] in [0, 1].
    """
    return rng.binomial(n, exact_values(chains, completer)) / n


def flip_labels(trajectories: list[Trajectory], rate: float, rng) -> list[Trajectory]:
    """Turns each known step label into its opposite with a chance of `rate`.

    Args:
        trajectories: with labels; they are left as they are.
        rate: in [0, 1].
        rng: numpy Generator; it is drawn from alike for every rate, so that the labels flipped at a
            low rate are among those flipped at a high one.

    Returns:
        The trajectories with noisy labels and without `first_error`, which these may contradict.

    Raises:
        InputError: if the rate is not in [0, 1].
    """
    if not 0 <= rate <= 1:
        raise InputError(f"{rate} is not in [0, 1]", field="rate")
    noisy = []
    for trajectory in trajectories:
        labels = trajectory.step_labels()
        flipped = rng.random(len(labels)) < rate
        labels = tuple(
            1 - y if flip and y is not None else y for y, flip in zip(labels, flipped, strict=True)
        )
        noisy.append(dataclasses.replace(trajectory, labels=labels, first_error=None))
    return noisy
