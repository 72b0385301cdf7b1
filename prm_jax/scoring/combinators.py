"""Scorers and combinators by name, and which combinations make no sense.

A scorer is a function (model, params, tokenizer, trajectories, *, convention, max_length,
batch_tokens, progress, mesh) -> list of `StepScores`; those not in `READ_MORE` also take
share_prefixes and token_counts. A combinator takes scorers and options and returns a scorer.
"""

from collections.abc import Callable

from prm_jax.scoring.bidirectional import bidirectional
from prm_jax.scoring.dimensions import dimensions
from prm_jax.scoring.discriminative import score
from prm_jax.scoring.ensemble import ensemble, other_model
from prm_jax.scoring.hierarchical import hierarchical
from prm_jax.scoring.implicit import implicit
from prm_jax.scoring.length_debiased import length_debiased
from prm_jax.scoring.log_prob import mean_log_prob
from prm_jax.scoring.mixture import mixture
from prm_jax.scoring.orm import orm
from prm_jax.scoring.pairwise import pairwise
from prm_jax.scoring.relevance import relevance
from prm_jax.scoring.side_by_side import effective_reward, trajectory_reward
from prm_jax.scoring.temperature import temperature
from prm_jax.scoring.two_token import two_token
from prm_jax.scoring.uncertainty import uncertainty

SCORERS: dict[str, Callable] = {
    "discriminative": score,
    "mean_log_prob": mean_log_prob,
    "relevance": relevance,
}
COMBINATORS: dict[str, Callable] = {
    "bidirectional": bidirectional,
    "dimensions": dimensions,
    "effective_reward": effective_reward,
    "ensemble": ensemble,
    "hierarchical": hierarchical,
    "implicit": implicit,
    "length_debiased": length_debiased,
    "mixture": mixture,
    "model": other_model,
    "orm": orm,
    "pairwise": pairwise,
    "temperature": temperature,
    "trajectory_reward": trajectory_reward,
    "two_token": two_token,
    "uncertainty": uncertainty,
}
DEFAULT = "discriminative"
"""What a combinator without a scorer in its brackets takes."""

WITHOUT_SCORER = {
    "effective_reward",
    "implicit",
    "mixture",
    "trajectory_reward",
    "two_token",
    "uncertainty",
}
"""Combinators that take no scorer but options only."""

ADDED_LAYERS = {"mixture": "path", "uncertainty": "head"}
"""Combinators that read layers trained on the model, and the option that names their directory."""

OF_SOLUTIONS = {"dimensions", "length_debiased", "orm", "pairwise", "trajectory_reward"}
"""Combinators that leave one score for the whole solution."""

MIXING = {"dimensions"}
"""Combinators that take scores of steps and scores of solutions together."""

OF_GROUPS = {"pairwise"}
"""Combinators that need all candidates of a problem in one call."""

TAKES_SOLUTIONS = {"discriminative", "ensemble", "model", "orm", "temperature", "two_token"}
"""What also takes a model that gives one score a solution, an outcome reward model."""

READ_MORE = {"implicit", "mean_log_prob", "mixture", "relevance", "uncertainty"}
"""What reads more than a head at step ends, and so cannot share prefixes."""

_ONE_SCORE = "it needs the scores of all steps, and one is left"
_LAST_READ = "a window ends at the step it scores, so nothing after it could be read first"
_ONE_STEP = "a comparison has one step, so there is nothing for it to do"
_LAST_STEP = "what it says of the last step alone says nothing of the outcome"
_OTHER_TEXT = "it reads steps in the order they were written in"
REFUSED = {
    ("bidirectional", "bidirectional"): "both directions are read already",
    ("bidirectional", "dimensions"): _ONE_SCORE,
    ("bidirectional", "hierarchical"): _LAST_READ,
    ("bidirectional", "length_debiased"): _ONE_SCORE,
    ("bidirectional", "mean_log_prob"): "steps in reverse order are no text to find likely",
    ("bidirectional", "mixture"): _OTHER_TEXT,
    ("bidirectional", "model"): "put it inside model(...), which marks the steps",
    ("bidirectional", "orm"): _ONE_SCORE,
    ("bidirectional", "pairwise"): _ONE_SCORE,
    ("bidirectional", "relevance"): _OTHER_TEXT,
    ("bidirectional", "uncertainty"): _OTHER_TEXT,
    ("dimensions", "dimensions"): "name all signals in one",
    ("hierarchical", "bidirectional"): _LAST_READ,
    ("hierarchical", "dimensions"): _ONE_SCORE,
    ("hierarchical", "hierarchical"): "steps are merged already; give a longer window",
    ("hierarchical", "length_debiased"): _ONE_SCORE,
    ("hierarchical", "orm"): _ONE_SCORE,
    ("hierarchical", "pairwise"): _ONE_SCORE,
    ("length_debiased", "length_debiased"): "length is taken away already; fit once",
    ("model", "model"): "name each model where it is read, inside the ensemble",
    ("orm", "dimensions"): "the whole solution has one score already",
    ("orm", "length_debiased"): "the whole solution has one score already",
    ("orm", "mean_log_prob"): "the likelihood of the last step alone says nothing of the outcome",
    ("orm", "orm"): "only the last step has a score already",
    ("orm", "pairwise"): "the whole solution has one score already",
    ("orm", "relevance"): _LAST_STEP,
    ("orm", "uncertainty"): _LAST_STEP,
    ("pairwise", "bidirectional"): _ONE_STEP,
    ("pairwise", "dimensions"): _ONE_STEP,
    ("pairwise", "hierarchical"): _ONE_STEP,
    ("pairwise", "length_debiased"): "the length of a comparison is that of both solutions",
    ("pairwise", "mixture"): "the router was trained on problems, not on comparisons",
    ("pairwise", "orm"): _ONE_STEP,
    ("pairwise", "pairwise"): "candidates are compared already",
    ("pairwise", "relevance"): "a comparison is its own problem",
    ("bidirectional", "effective_reward"): "a step's advantage is over the step before it",
    ("bidirectional", "implicit"): "steps in reverse order are no text to find likely",
    ("bidirectional", "trajectory_reward"): _ONE_SCORE,
    ("hierarchical", "implicit"): "the tokens of a window are those of its steps",
    ("hierarchical", "trajectory_reward"): _ONE_SCORE,
    ("orm", "effective_reward"): _LAST_STEP,
    ("orm", "trajectory_reward"): "the whole solution has one score already",
    ("pairwise", "effective_reward"): _ONE_STEP,
    ("pairwise", "implicit"): _ONE_STEP,
    ("pairwise", "trajectory_reward"): _ONE_STEP,
    ("pairwise", "uncertainty"): "the head was trained on solutions, not on comparisons",
}
"""(combinator, what stands anywhere inside it) -> why not."""
