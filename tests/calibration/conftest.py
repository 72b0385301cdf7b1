"""A tiny model, and labelled solutions whose wrong steps can be told by their letters."""

import json

import jax
import numpy as np
import pytest

from prm_jax.models import PRESETS, Decoder, init_params
from prm_jax.text import CONVENTIONS
from prm_jax.train.backbone import byte_tokenizer
from prm_jax.weights import export


@pytest.fixture(scope="session")
def model():
    tokenizer = byte_tokenizer()
    tokenizer.convention = CONVENTIONS["trl"]
    params = init_params(jax.random.key(0), PRESETS["tiny-llama"])
    return Decoder(PRESETS["tiny-llama"]), params, tokenizer


@pytest.fixture(scope="session")
def files(tmp_path_factory, model):
    """A model's directory, and 40 labelled solutions whose wrong steps are capitals."""
    folder = tmp_path_factory.mktemp("calibrate")
    export(folder / "model", *model)
    rng = np.random.default_rng(0)
    with (folder / "labelled.jsonl").open("w") as file:
        for i in range(40):
            labels = rng.integers(0, 2, 3).tolist()
            steps = ["so it is" if label else "SO IT IS" for label in labels]
            row = {"id": f"r{i}", "problem": f"problem {i // 2}", "steps": steps, "labels": labels}
            file.write(json.dumps({**row, "outcome": labels[-1]}) + "\n")
    return folder
