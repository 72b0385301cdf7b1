"""The studies by name. A new one is a file here, one in configs/reproduce and a line below."""

import importlib

from prm_jax.errors import InputError
from prm_jax.reproduce.study import Study

STUDIES = {
    "aggregation": "which aggregation is best depends on where the labels come from",
    "biprm": "reading steps in both directions judges them better than left to right alone",
    "dreamprm": "weights learnt on outcomes find the source with bad labels",
    "easy_to_hard": "process models trained on easy problems choose well on hard ones",
    "hrm": "merged steps and compressed trees help to judge self-correcting solutions",
    "implicit": "rewards of a language model trained on outcomes alone find wrong steps",
    "oprm": "ratings with probabilities give better calibrated preferences than a score",
    "outcome_or_process": "outcome models gain on process models with label noise and length",
    "pav": "beam search gains by the progress that a prover sees in a step",
    "q_ranking": "ranking steps by Q values chooses better solutions than classifying them",
    "sdm": "an SDM estimator keeps the accuracy it promises, where others do not",
    "sdm_language_model": "the same on the states of SmolLM2-135M and its own worlds",
    "sdm_minimum": "the region search finds regions that are not there, unless asked for rows",
    "sdm_selective": "best-of-N that abstains without a vouched solution answers right more often",
    "sdm_split": "an estimator split by row promises on new problems what it cannot keep",
    "sorm": "step labels from completions locate errors better than outcomes do",
    "uncertainty": "a head on a frozen model's certainty judges steps like a process model",
}


def load(name: str) -> Study:
    """The study of a name.

    Raises:
        InputError: if there is none.
    """
    if name not in STUDIES:
        raise InputError(
            f"unknown study {name!r}", field="study", remedy=f"known are {', '.join(STUDIES)}"
        )
    return importlib.import_module(f"{__name__}.{name}").STUDY
