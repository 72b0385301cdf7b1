"""One published objective each, on SmolLM2-135M and step-labelled solutions of one's own.

    python -m experiments.train --config=configs/objectives.py:q_ranking --workdir=runs/pqm \
        --config.data.train=solutions.jsonl

What follows the colon is a name below. The data need what the objective learns from: step labels,
outcomes (`orm_*`, `implicit_*`), right and wrong solutions of the same problems (`bradley_terry`,
`ordinal`, `implicit_dpo`, `implicit_nca`), `meta.prover_labels` (`prover_values`). Learning rates
and sizes are those of configs/smollm2_135m_prm.py, for the papers' own are for models fifty times
as large; what else a paper sets is in the table. Expected time: not measured; about that of the
base configuration, and more for `implicit_*` and gated heads, which run more passes. Not tuned, and
no result is claimed; docs/reproductions.md has what was measured.
"""

import json
from typing import Any

from configs import smollm2_135m_prm
from prm_jax.config_files import one_of

LANGUAGE_MODEL = {"model.head.kind": ""}
TWO_LOG_ODDS = {
    "model.head.kind": "linear",
    "model.head.n_classes": 2,
    "model.head.reading": "first",
}
TWO_TOKEN = {"model.head.kind": "two_token"}

# name: (paper, objective, its hyperparameters, other keys)
RECIPES: dict[str, tuple[str, str, dict, dict[str, Any]]] = {
    "bce": ("Skywork-o1-Open-PRM; PQM's baseline", "bce", {}, {}),
    "mse": ("PQM's baseline", "mse", {}, {}),
    "two_class": (
        "Qwen2.5-Math-PRM, arXiv:2501.07301",
        "two_class",
        {},
        {
            "model.head.kind": "mlp",
            "model.head.n_classes": 2,
            "data.after_error": "truncate",
            "data.convention": "qwen",
        },
    ),
    "math_shepherd": (
        "Math-Shepherd, arXiv:2312.08935",
        "two_token",
        {},
        TWO_TOKEN | {"data.convention": "math_shepherd"},
    ),
    "multi_rm_dprm": (
        "Multi-RM's dPRM: steps after the first error are left out",
        "two_token",
        {},
        TWO_TOKEN | {"data.after_error": "truncate"},
    ),
    "multi_rm_dorm": ("Multi-RM's dORM", "orm_last", {}, TWO_TOKEN),
    "orm_last": ("Cobbe et al., arXiv:2110.14168", "orm_last", {}, {}),
    "orm_every_step": ("GLoRe's ORM, arXiv:2402.10963", "orm_every_step", {}, {}),
    "orm_every_token": ("Cobbe et al., arXiv:2110.14168", "orm_every_token", {}, {}),
    "q_ranking": ("PQM, arXiv:2410.11287", "q_ranking", {"margin": 4.0}, {}),
    "biprm": ("BiPRM, arXiv:2508.01682v2", "bce", {}, {"model.head.gate": True}),
    "biprm_q_ranking": (
        "BiPRM, arXiv:2508.01682v2",
        "q_ranking",
        {"margin": 4.0},
        {"model.head.gate": True},
    ),
    "easy_to_hard": (
        "Easy-to-Hard generalisation, arXiv:2403.09472",
        "bce_every_token",
        {},
        {"model.head.kind": "easy_to_hard"},
    ),
    "bradley_terry": (
        "Llama 2, arXiv:2307.09288; centring arXiv:2312.09244",
        "bradley_terry",
        {"centring": 0.01},
        {},
    ),
    "ordinal": (
        "OPRM: nine ratings; a head of their own, where the paper reads the tokens 1 to 9",
        "ordinal",
        {},
        {"model.head.kind": "linear", "model.head.n_classes": 9, "model.head.reading": "ratings"},
    ),
    "reasonflux": (
        "ReasonFlux-PRM, arXiv:2506.18896",
        "step_and_trajectory",
        {"loss": "mse"},
        TWO_LOG_ODDS,
    ),
    "fin_prm": ("Fin-PRM, arXiv:2508.15202", "step_and_trajectory", {"loss": "bce"}, TWO_LOG_ODDS),
    "policy": (
        "rejection sampling fine-tuning, arXiv:2308.01825",
        "likelihood",
        {},
        LANGUAGE_MODEL,
    ),
    "prover_values": ("PAV, arXiv:2410.08146", "prover_values", {}, TWO_LOG_ODDS),
    **{
        f"implicit_{form}": (
            "Free Process Rewards, arXiv:2412.01981",
            f"implicit_{form}",
            {"beta": 0.05},
            LANGUAGE_MODEL,
        )
        for form in ("ce", "dpo", "nca", "kto", "step_labels")
    },
}


def get_config(name="bce"):
    """The configuration of one of RECIPES.

    Raises:
        InputError: there is no such recipe.
    """
    _, objective, options, keys = RECIPES[one_of("objective", name, RECIPES)]
    config = smollm2_135m_prm.get_config()
    config.objective = objective
    config.objective_options = json.dumps(options) if options else ""
    config.update_from_flattened_dict(keys)
    return config
