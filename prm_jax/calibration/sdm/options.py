"""The hyperparameters of an SDM, and what they may be."""

import json
import math
from collections.abc import Mapping
from typing import Any

from prm_jax.calibration.sdm.region import MIN_ROWS, check_alpha, ladder_levels
from prm_jax.calibration.sdm.similarity import CAP
from prm_jax.errors import InputError
from prm_jax.ranges import COUNT, SEED, WIDTH, Range, check_numbers

DEFAULTS: Mapping[str, Any] = {
    "alpha": 0.95,  # accuracy that admission asks for
    "ladder": 0.05,  # step between the levels; 0 looks for a region at alpha only
    "min_rows": MIN_ROWS,  # of each class in a region
    "width": 1000,  # M, of the exemplars
    "cap": CAP,  # support rows that are looked at
    "rounds": 1,  # J, splits and initial parameters; the best one is kept
    "epochs": 20,
    "batch": 50,
    "learning_rate": 1e-5,
    "balance": True,  # as many rows of each class in either half
    "exclude_groups": True,  # no row of its own group counts for a training row, not only itself
    "seed": 0,
}
RANGES = {
    "min_rows": Range(0, 10**9),
    "width": WIDTH,
    "cap": COUNT,
    "rounds": Range(1, 1000),
    "epochs": COUNT,
    "batch": COUNT,
    "learning_rate": Range(0, 1000, above=True),
    "seed": SEED,
}


def checked(hyper: Mapping[str, Any]) -> dict[str, Any]:
    """DEFAULTS with other values.

    Args:
        hyper: name -> value.

    Raises:
        InputError: an unknown name, a value of another kind than the default, or an impossible one.
    """
    options = {**DEFAULTS, **hyper}
    if unknown := set(options) - set(DEFAULTS):
        raise InputError(
            f"unknown hyperparameter {min(unknown)!r}",
            field="hyper",
            remedy=f"known are {', '.join(DEFAULTS)}",
        )
    for name, value in hyper.items():
        default = DEFAULTS[name]
        kinds = (int, float) if isinstance(default, float) else (type(default),)
        if type(value) not in kinds or not math.isfinite(value):
            raise InputError(f"{value!r} will not do", field=name, remedy=f"such as {default!r}")
    check_numbers({name: options[name] for name in RANGES}, RANGES)
    check_alpha(options["alpha"])
    if options["ladder"]:
        ladder_levels(options["ladder"])
    return options


def parse(text: str) -> dict[str, Any]:
    """The hyperparameters in a JSON object, '' being an empty one; their values are not looked at.

    Raises:
        InputError: it is none.
    """
    try:
        hyper = json.loads(text or "{}")
    except ValueError as error:
        raise InputError(f"{text!r} is not JSON: {error}", field="hyper") from error
    if not isinstance(hyper, dict):
        raise InputError(f"{text!r} is no JSON object", field="hyper")
    return hyper
