"""A study: a paper, its claims, and a run that gives a figure of every arm for every seed."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from prm_jax import provenance
from prm_jax.errors import InputError
from prm_jax.progress import Progress
from prm_jax.reproduce.claim import Claim, estimate
from prm_jax.reproduce.config import check
from prm_jax.workers import Worker

FEWEST_SEEDS = 5  # of a result that the document shows
Figures = Mapping[str, Sequence[float]]


@dataclasses.dataclass(frozen=True)
class Study:
    """One paper, tested small.

    Fields:
        title: a few words.
        paper: authors or name of the method, and arXiv number.
        claims: what is tested.
        setting: what is done here, in sentences; names the arms.
        differs: what is not as in the paper, in sentences.
        run: `(config, seeds, progress) -> figures`: by name one number of each seed, those of the
            single arms, the effects of the claims, and what shows that the models learnt. That of
            a seed does not depend on the other seeds.
    """

    title: str
    paper: str
    claims: tuple[Claim, ...]
    setting: str
    differs: str
    run: Callable[[ConfigDict, Sequence[int], Progress], Figures]


def run_study(
    name: str,
    study: Study,
    config: ConfigDict,
    seeds: Sequence[int],
    *,
    smoke: bool = False,
    command: str = "",
    processes: int = 1,
) -> dict:
    """Runs a study and judges its claims.

    Args:
        name: of the study.
        study: `Study`.
        config: its configuration.
        seeds: five or more; a smoke run needs two.
        smoke: whether the sizes are too small for a result; it is written down.
        command: what was asked for, to be written down.
        processes: how many share the seeds; this one has the first share, and shows its progress.

    Returns:
        What a result file holds.

    Raises:
        InputError: for too few seeds, or a configuration that does not work.
    """
    fewest = 2 if smoke else FEWEST_SEEDS
    if len(set(seeds)) < fewest:
        raise InputError(
            f"{len(set(seeds))} are too few", field="seeds", remedy=f"give {fewest} or more"
        )
    check(config)
    began = time.monotonic()
    figures = _figures(name, study.run, config, np.array_split(seeds, min(processes, len(seeds))))
    claims = []
    for claim in study.claims:
        effect = estimate(figures[claim.effect])
        verdict = claim.verdict(effect["low"], effect["high"])
        claims.append(
            {
                "text": claim.text,
                "effect": claim.effect,
                "region": claim.region(),
                **effect,
                "verdict": verdict,
            }
        )
    return {
        "study": name,
        "smoke": smoke,
        "title": study.title,
        "paper": study.paper,
        "setting": study.setting,
        "differs": study.differs,
        "claims": claims,
        "figures": {
            key: {**estimate(values), "per_seed": values} for key, values in figures.items()
        },
        "seeds": list(seeds),
        "config": json.loads(json.dumps(config.to_dict())),
        "run": provenance.run_record(command, time.monotonic() - began),
    }


def _figures(name, run, config, shares):
    """Figures of the seeds, each share of them in a process of its own, the first in this one."""
    shares = [[int(seed) for seed in share] for share in shares]
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(contextlib.closing(Worker(_Quiet, run))) for _ in shares[1:]]
        for other, share in zip(others, shares[1:], strict=True):
            other.begin("run", config, share)
        progress = stack.enter_context(Progress(name))
        found = [run(config, shares[0], progress)]
        if others:
            progress.say("waiting for the other seeds")
        found += [other.result() for other in others]
    return {key: [float(value) for part in found for value in part[key]] for key in found[0]}


class _Quiet:
    """A study's run that shows no progress."""

    def __init__(self, run):
        self._run = run

    def run(self, config, seeds):
        return self._run(config, seeds, Progress("", show=False))
