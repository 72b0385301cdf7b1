"""Does best-of-N that abstains where an SDM estimator does not vouch for a solution answer right
more often (SDM activations, arXiv:2509.12760)?"""

import functools
import itertools
from typing import Any

import numpy as np

from prm_jax.calibration.judged import RIGHT, Judged
from prm_jax.calibration.metrics import top_share
from prm_jax.calibration.selective import accept_rule, best, best_of_n
from prm_jax.data.sources import split_by_problem
from prm_jax.reproduce import chains, judges, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

ARMS = (judges.SDM, judges.LOWER, "softmax", "temperature")


def run(config, seeds, progress):
    """Trains a process model, fits the judges, and chooses among candidates with each."""
    options = chains.ChainOptions(**config.chains)
    learn, fit, candidates = [], [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        drawn = chains.trajectories(chains.draw(config.data.solutions, options, rng))
        known, new = split_by_problem(drawn, config.data.new_problems)
        learn.append(known)
        fit.append(split_by_problem(new, config.data.tested)[0])
        # Of so many problems about as many as asked for are of the share that is tested.
        problems = chains.draw(
            round(config.data.problems / config.data.tested), options, rng, config.data.candidates
        )
        candidates.append(split_by_problem(chains.trajectories(problems), config.data.tested)[1])
    models = population.train(config, seeds, learn, objective="bce", progress=progress)
    logits = population.score(models, candidates)
    features = [population.features(models, of) for of in (fit, candidates)]
    best_of_all = functools.partial(measures.best_of, config.data.candidates)
    figures: dict[str, Any] = {
        "pass rate of a candidate": each_seed(measures.pass_rate, candidates),
        "step AUROC of the process model": each_seed(measures.step_auroc, candidates, logits),
        "best of all, the process model": each_seed(best_of_all, candidates, logits),
    }
    progress.begin("judges", len(seeds))
    for place, seed in enumerate(seeds):
        steps = judges.labelled_steps(fit[place], features[0][place])
        fitted = judges.fit(
            steps, (config.data.alpha,), seed, config.sdm, ("softmax", "temperature")
        )
        tested = judges.labelled_steps(candidates[place], features[1][place])
        of_seed = _of_seed(fitted, tested, candidates[place], config.data.alpha)
        for name, value in of_seed.items():
            figures.setdefault(name, []).append(value)
        progress.update(place + 1)
    return figures


def _of_seed(fitted, steps, candidates, alpha):
    """Share answered and accuracy of each arm, and of as many answers chosen by their score."""
    figures = {}
    for arm, found in fitted.judge(steps, alpha).items():
        judged = _judged(found, candidates)
        problems = [
            list(of)
            for _, of in itertools.groupby(
                zip(judged, candidates, strict=True), key=lambda pair: pair[1].group
            )
        ]
        chosen, answers, scores = [], [], []
        for members in problems:
            of_problem = [of for of, _ in members]
            right = [trajectory.outcome for _, trajectory in members]
            choice = best_of_n(of_problem, accept_rule("all_steps"))
            chosen.append(None if choice.index is None else right[choice.index])
            answer = best(of_problem)
            answers.append(right[answer])
            scores.append(of_problem[answer].score)
        answered = [right for right in chosen if right is not None]
        as_many_N = top_share(scores, len(answered))
        figures[f"answered, {arm}"] = len(answered) / len(problems)
        figures[f"wrong answers, {arm}"] = answered.count(0.0) / len(problems)
        figures[f"accuracy when every problem is answered, {arm}"] = float(np.mean(answers))
        if answered:
            accuracy = float(np.mean(answered))
            others = float(np.mean(np.array(answers)[as_many_N]))
        else:
            accuracy = others = float(np.mean(answers))
        figures[f"accuracy of answers, {arm}"] = accuracy
        figures[f"gain on answering all, {arm}"] = accuracy - float(np.mean(answers))
        figures[f"gain on as many answers of the highest score, {arm}"] = accuracy - others
    return figures


def _judged(found, candidates):
    """Candidates as `calibration.judged` has them; every step is labelled, so none is missing."""
    ends = np.cumsum([len(trajectory.steps) for trajectory in candidates]).tolist()
    judged = []
    for number, (first, end) in enumerate(itertools.pairwise([0, *ends])):
        part = slice(first, end)
        judged.append(
            Judged(
                id=str(number),
                level="step",
                score=float(found.probability[part, RIGHT].min()),
                prediction=tuple(found.prediction[part].tolist()),
                admitted=tuple(found.admitted[part].tolist()),
                region=(0.0,) * (end - first),
            )
        )
    return judged


STUDY = Study(
    title="Best-of-N that abstains",
    paper="Similarity-Distance-Magnitude activations, arXiv:2509.12760",
    claims=(
        Claim(
            "Where it answers, best-of-N that abstains by the SDM estimator is right more often "
            "than best-of-N that always answers.",
            effect=f"gain on answering all, {judges.SDM}",
        ),
        Claim(
            "It is right more often than on as many problems whose answers have the highest score.",
            effect=f"gain on as many answers of the highest score, {judges.SDM}",
        ),
        Claim(
            "It answers at least 30 % of the problems.",
            effect=f"answered, {judges.SDM}",
            above=0.3,
        ),
    ),
    setting="A process model learns chains of 3 to 5 additions modulo 5, labelled right up to the "
    "first error; the judges are fitted on its states of other problems. Of the candidates of a "
    "problem those are accepted all of whose steps are predicted right and admitted at .95, by an "
    "SDM estimator, its lower estimate, or a softmax threshold before or after temperature "
    "scaling; the accepted one of the highest score (least probability of a step) is the answer, "
    "and without one there is none. A candidate is right if it ends right.",
    differs="The paper rejects single predictions and has no best-of-N; a small model in place of "
    "a language model. Where a seed answers nothing, its gains are 0.",
    run=run,
)
