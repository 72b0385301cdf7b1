"""Does an SDM estimator on the states of a language model keep what it promises, on the worlds it
was fitted on and on others (SDM activations, arXiv:2509.12760)?"""

from typing import Any

import jax
import numpy as np

from prm_jax.calibration.feature_cache import cached_step_features
from prm_jax.calibration.features import step_features
from prm_jax.data.overlap import normalize
from prm_jax.data.reversed_steps import reverse_steps
from prm_jax.data.sources import parse_sources, read_source
from prm_jax.data.synthetic import FAMILIES, make_trajectories
from prm_jax.models import PRESETS, Decoder, init_params
from prm_jax.reproduce import judges
from prm_jax.reproduce.studies.sdm import claims, shuffled
from prm_jax.reproduce.study import Study
from prm_jax.text import convention
from prm_jax.train.backbone import RANDOM, byte_tokenizer
from prm_jax.weights import load_model

SAME = "same worlds"
HARDER, OTHER, GSM8K = "harder", "other worlds", "GSM8K corruptions"


def run(config, seeds, progress):
    """Takes the states once; every seed fits the judges on other problems, and tests them."""
    data, rng = config.data, np.random.default_rng(0)
    levels, families = tuple(data.difficulty), tuple(data.families)
    known = make_trajectories(families, data.solutions, 0, difficulty=levels)
    others = sorted(set(FAMILIES) - set(families))
    tests = {
        HARDER: make_trajectories(families, data.tested, 1, difficulty=data.harder),
        OTHER: make_trajectories(others, data.tested, 1, difficulty=levels),
    }
    (source,) = parse_sources(data.gsm8k)
    corrupted = read_source(source)
    drawn = rng.permutation(len(corrupted))[: data.tested]
    tests[GSM8K] = [corrupted[i] for i in drawn]
    known_problems = {normalize(trajectory.problem) for trajectory in known}
    few = make_trajectories(families, data.tested, 2, difficulty=levels)
    few = [trajectory for trajectory in few if normalize(trajectory.problem) not in known_problems]
    tests["reversed"] = [reverse_steps(trajectory) for trajectory in few]
    tests["shuffled"] = [shuffled(trajectory, rng) for trajectory in few]

    model, params, tokenizer = _load(config.model)

    def steps(name, trajectories):
        done = 0

        def count(n):
            nonlocal done
            done += n
            progress.update(done)

        progress.begin(f"states of {name}", len(trajectories))
        given = (model, params, tokenizer, trajectories)
        how: dict[str, Any] = dict(
            layers=config.layers,
            convention=convention(config.convention),
            max_length=config.max_length,
            progress=count,
        )
        if config.cache:
            features, _ = cached_step_features(config.cache, *given, **how)
        else:
            features = step_features(*given, **how)
        return judges.labelled_steps(trajectories, [rows for rows, _ in features])

    of_known = steps(SAME, known)
    of_tests = {name: steps(name, trajectories) for name, trajectories in tests.items()}
    alphas, per_seed = tuple(data.alphas), []
    progress.begin("judges", len(seeds))
    for seed in seeds:
        problems = np.unique(of_known.group_N)
        drawn = np.random.default_rng([seed, 1]).permutation(problems)
        tested = np.isin(of_known.group_N, drawn[: int(data.held_out * len(problems))])
        fitted = judges.fit(of_known.take(~tested), alphas, seed, config.sdm)
        of_seed = {SAME: of_known.take(tested), **of_tests}
        per_seed.append(judges.compare(fitted, of_seed, alphas))
        progress.update(len(per_seed))
    return judges.of_every_seed(per_seed)


def _load(name):
    """A model as `load_model` takes it, or random:PRESET."""
    if not name.startswith(RANDOM):
        return load_model(name)
    architecture = PRESETS[name.removeprefix(RANDOM)]
    return Decoder(architecture), init_params(jax.random.key(0), architecture), byte_tokenizer()


STUDY = Study(
    title="SDM estimators on a language model's states",
    paper="Similarity-Distance-Magnitude activations, arXiv:2509.12760",
    claims=claims(SAME, [HARDER, OTHER, GSM8K, "reversed", "shuffled"], (0.95, 0.9)),
    setting="Solutions to problems of ten families of problems made by program (difficulty 1 and "
    "2), half of them with one first wrong step, after which no step is labelled. The states of "
    "SmolLM2-135M-Instruct after 16 layers (at the step's end, and their mean so far) are taken as "
    "they are; nothing of the model is trained. The judges are those of the study of SDM "
    "estimators on a small process model, fitted on four fifths of the problems and tested on the "
    "rest, and on: the same families at difficulty 4; the ten other families; solutions of "
    "GSM8K's training set with errors put in by program; the steps of a solution reversed, or "
    "shuffled with their labels.",
    differs="A model of 135 million parameters whose states were not trained for the task, in "
    "place of one of billions; one split and initialisation of the estimator in place of ten; at "
    "least 100 calibration steps of each class in a region; balanced halves split by problem; a "
    "larger learning rate. All seeds share one set of solutions and draw which problems to fit "
    "on, the halves and the adaptor, so their intervals leave out the chance in the solutions.",
    run=run,
)
