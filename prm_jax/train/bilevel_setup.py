"""What a run that learns the weights of its sources needs besides what every run needs."""

from typing import Any

from prm_jax.data.corpus import Corpus, make_corpus, read_trajectories
from prm_jax.data.sources import parse_sources
from prm_jax.errors import InputError
from prm_jax.train.bilevel import OUTER, outer_optimizer


def read_meta(config, tokenizer) -> Corpus:
    """The solutions with trusted outcomes that the weights are judged by.

    Args:
        config: as `train.config.default_config` describes it.
        tokenizer: of the model, with its convention.

    Returns:
        `Corpus` of `config.bilevel.meta`, labelled by outcomes.

    Raises:
        InputError: for what cannot be read, or has no outcome.
    """
    data = config.data
    groups, _ = read_trajectories(config.bilevel.meta, defaults={"format": data.format})
    return make_corpus(
        groups,
        tokenizer,
        tokenizer.convention,
        data.max_length,
        supervise=OUTER.supervise,
        unlabelled=data.unlabelled,
    )


def step_options(config, corpus, objective) -> dict[str, Any]:
    """Arguments of `bilevel_step` that follow from a configuration.

    Args:
        config: as `train.config.default_config` describes it.
        corpus: of `config.data.train`.
        objective: `objectives.Objective` of the lower level.

    Returns:
        Keyword arguments.

    Raises:
        InputError: for sources that cannot be told apart, or an objective that reads no head.
    """
    if objective.reads == "log_prob" or objective.unit == "directions":
        raise InputError(
            "weights of sources are judged by the scores of a head, read in one direction",
            field="objective",
        )
    names = [source.name for source in parse_sources(config.data.train)]
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(
            f"weights are learnt of two different sources or more, not of {names}",
            field="data.train",
        )
    if len(names) != len(corpus.sizes):
        raise InputError(
            f"{len(names) - len(corpus.sizes)} of {len(names)} sources have nothing to learn from",
            field="data.train",
            remedy="leave them out",
        )
    bilevel = config.bilevel
    return {
        "sizes": corpus.sizes,
        "names": names,
        "outer_optimizer": outer_optimizer(bilevel),
        "method": bilevel.method,
        "unroll": bilevel.unroll,
        "inner_learning_rate": bilevel.inner_learning_rate,
    }
