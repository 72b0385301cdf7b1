"""The parts of every source of a study: to train on, to tune thresholds on, to test on."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from prm_jax.data.overlap import normalize, remove_duplicates
from prm_jax.data.sources import check_sources, parse_sources, read_source, split_by_problem
from prm_jax.data.synthetic import FAMILIES, make_candidates, make_trajectories
from prm_jax.errors import InputError
from prm_jax.evaluate import Parts
from prm_jax.records import Rejects, Trajectory


def make_parts(config: ConfigDict, rejects: Rejects | None = None) -> dict[str, Parts]:
    """Makes or reads every source.

    Problems made by program are of the split that their text falls in; those of files are split by
    the hash of their problem, and what a training set has in common with a test set, near
    duplicates included, is taken out of the training set.

    Args:
        config: as configs/smollm2_135m_mix.py describes it.
        rejects: takes the rows of files that are refused; None raises at the first.

    Returns:
        `Parts` by name of the source.

    Raises:
        InputError: a source that cannot be read or has too little for a part.
    """
    check_sources(*(source.line for source in config.files.values()))
    sources = {name: _world(config.worlds, name, config.seed) for name in families(config.worlds)}
    for name, source in config.files.items():
        sources[name] = _file(name, source, config, rejects)
    return sources


def families(worlds: ConfigDict) -> Sequence[str]:
    """Names of the families of problems that a study uses; all of them if none is named."""
    return tuple(worlds.families) or tuple(FAMILIES)


def training_set(sources: dict[str, Parts], fraction: float, seed: int) -> list[Trajectory]:
    """A share of the training trajectories of every source, shuffled together.

    A smaller share is a part of a larger one.

    Args:
        sources: from `make_parts`.
        fraction: of each source, above 0 and at most 1.
        seed: of the order.

    Returns:
        List of `Trajectory`.
    """
    chosen = []
    for parts in sources.values():
        chosen += list(parts.train)[: share_of(len(parts.train), fraction)]
    order = np.random.default_rng(seed).permutation(len(chosen))
    return [chosen[i] for i in order]


def share_of(count: int, fraction: float) -> int:
    """How many of a source's training trajectories a share of the data has."""
    return max(1, round(fraction * count))


def shared_problems(sources: dict[str, Parts]) -> int:
    """Number of problems, by normalised text, that some training set and some other part share."""
    train = {normalize(t.problem) for parts in sources.values() for t in parts.train}
    held = {
        normalize(t.problem)
        for parts in sources.values()
        for part in (parts.validation, parts.test, parts.candidates)
        for t in part
    }
    return len(train & held)


def _world(worlds, family, seed):
    options: dict[str, Any] = dict(difficulty=tuple(worlds.difficulty))

    def solutions(split, **rate):
        return make_trajectories(family, worlds[split], seed, split=split, **rate, **options)

    candidates = make_candidates(
        family,
        worlds.groups,
        worlds.candidates,
        seed,
        split="test",
        accuracy=worlds.accuracy,
        shared_error_rate=worlds.shared_error_rate,
        **options,
    )
    train = solutions("train", error_rate=worlds.train_error_rate)
    return Parts(train, solutions("validation"), solutions("test"), candidates)


def _file(name, wanted, config, rejects):
    lines = parse_sources(wanted.line, {"after_error": "mask"})
    rows = [row for line in lines for row in read_source(line, rejects)]
    rows = [dataclasses.replace(row, id=row.id or f"{name}-{i}") for i, row in enumerate(rows)]
    rows = [row for row in rows if any(y is not None for y in row.step_labels())]
    shares = config.split
    rest, test = split_by_problem(rows, shares.test)
    train, validation = split_by_problem(rest, shares.test + shares.validation)
    held = [*test, *validation]
    train, _ = remove_duplicates(train, [t.problem for t in held], config.near_duplicate)
    rng = np.random.default_rng(config.seed)
    drawn = {}
    for part, found in (("train", train), ("validation", validation), ("test", test)):
        if len(found) < wanted[part]:
            raise InputError(
                f"{name} has {len(found)} trajectories for {part}, not {wanted[part]}",
                field=f"files.{name}.{part}",
            )
        drawn[part] = [found[i] for i in rng.permutation(len(found))[: wanted[part]]]
    return Parts(**drawn)
