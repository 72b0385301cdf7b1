"""Scorers and combinators by name, and which combinations make no sense.

A scorer is a function (model, params, tokenizer, trajectories, *, convention, max_length,
batch_tokens, progress, mesh) -> list of `StepScores`. A combinator takes scorers and options and
returns a scorer.
"""

from collections.abc import Callable

from prm_jax.scoring.bidirectional import bidirectional
from prm_jax.scoring.discriminative import score
from prm_jax.scoring.ensemble import ensemble, other_model
from prm_jax.scoring.hierarchical import hierarchical
from prm_jax.scoring.length_debiased import length_debiased
from prm_jax.scoring.log_prob import mean_log_prob
from prm_jax.scoring.orm import orm
from prm_jax.scoring.pairwise import pairwise
from prm_jax.scoring.temperature import temperature

SCORERS: dict[str, Callable] = {"discriminative": score, "mean_log_prob": mean_log_prob}
COMBINATORS: dict[str, Callable] = {
    "bidirectional": bidirectional,
    "ensemble": ensemble,
    "hierarchical": hierarchical,
    "length_debiased": length_debiased,
    "model": other_model,
    "orm": orm,
    "pairwise": pairwise,
    "temperature": temperature,
}
DEFAULT = "discriminative"
"""What a combinator without a scorer in its brackets takes."""

OF_SOLUTIONS = {"length_debiased", "orm", "pairwise"}
"""Combinators that leave one score for the whole solution."""

OF_GROUPS = {"pairwise"}
"""Combinators that need all candidates of a problem in one call."""

_ONE_SCORE = "it needs the scores of all steps, and one is left"
_LAST_READ = "a window ends at the step it scores, so nothing after it could be read first"
_ONE_STEP = "a comparison has one step, so there is nothing for it to do"
REFUSED = {
    ("bidirectional", "bidirectional"): "both directions are read already",
    ("bidirectional", "hierarchical"): _LAST_READ,
    ("bidirectional", "length_debiased"): _ONE_SCORE,
    ("bidirectional", "mean_log_prob"): "steps in reverse order are no text to find likely",
    ("bidirectional", "model"): "put it inside model(...), which marks the steps",
    ("bidirectional", "orm"): _ONE_SCORE,
    ("bidirectional", "pairwise"): _ONE_SCORE,
    ("hierarchical", "bidirectional"): _LAST_READ,
    ("hierarchical", "hierarchical"): "steps are merged already; give a longer window",
    ("hierarchical", "length_debiased"): _ONE_SCORE,
    ("hierarchical", "orm"): _ONE_SCORE,
    ("hierarchical", "pairwise"): _ONE_SCORE,
    ("length_debiased", "length_debiased"): "length is taken away already; fit once",
    ("model", "model"): "name each model where it is read, inside the ensemble",
    ("orm", "length_debiased"): "the whole solution has one score already",
    ("orm", "mean_log_prob"): "the likelihood of the last step alone says nothing of the outcome",
    ("orm", "orm"): "only the last step has a score already",
    ("orm", "pairwise"): "the whole solution has one score already",
    ("pairwise", "bidirectional"): _ONE_STEP,
    ("pairwise", "hierarchical"): _ONE_STEP,
    ("pairwise", "length_debiased"): "the length of a comparison is that of both solutions",
    ("pairwise", "orm"): _ONE_STEP,
    ("pairwise", "pairwise"): "candidates are compared already",
}
"""(combinator, what stands anywhere inside it) -> why not."""
