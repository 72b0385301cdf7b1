"""A tiny run: a file of labelled solutions and a configuration that trains on it in seconds."""

import json
import random

import pytest

from prm_jax.train.config import default_config


@pytest.fixture(autouse=True)
def one_device_writes_a_leaf(monkeypatch):
    """Checkpoints of this process: with parts by all eight, each shape of a part is compiled."""
    import jax  # after the variables of tests/conftest.py are set
    import orbax.checkpoint as ocp

    handler = ocp.type_handlers.get_type_handler(jax.Array)
    monkeypatch.setattr(handler, "_use_replica_parallel", False)


@pytest.fixture
def solutions(tmp_path):
    """A file of 60 solutions whose wrong steps are wrong sums."""
    rng = random.Random(0)
    path = tmp_path / "solutions.jsonl"
    with path.open("w") as file:
        for i in range(60):
            steps, labels = [], []
            for j in range(rng.randint(2, 5)):
                label = rng.random() < 0.6
                steps.append(f"{i}+{j}={i + j + (not label)}")
                labels.append(int(label))
            row = {"id": f"t{i}", "problem": f"add to {i}", "steps": steps, "labels": labels}
            file.write(json.dumps({**row, "outcome": labels[-1]}) + "\n")
    return path


@pytest.fixture
def config(solutions):
    """A configuration for `solutions`: two random layers, 8 rows of 96 tokens."""
    config = default_config()
    config.steps = 6
    config.model.name = "random:tiny-llama"
    config.data.train = str(solutions)
    config.data.validation_fraction = 0.2
    config.data.rows = 8
    config.data.row_length = config.data.max_length = 96
    config.data.max_steps = 16
    config.optimizer.learning_rate = 1e-2
    config.checkpoint_every = 2
    config.eval_every = 3
    config.tensorboard = False
    return config
