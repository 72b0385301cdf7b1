"""experiments.train that also writes, by process, what it put on its devices at every update.

All but the first process take some time for it, so that the first mostly waits for them.
"""

import json
import time
from pathlib import Path

import jax

from experiments import train
from prm_jax import cli
from prm_jax.train import placement

put_batch = placement.put_batch


def noting(batch, rows, mesh):
    line = {"rows": len(batch["tokens"]), "tokens": int((batch["segment_ids"] > 0).sum())}
    name = f"fed-{jax.process_index()}-of-{jax.process_count()}.jsonl"
    with (Path(train.WORKDIR.value) / name).open("a") as file:
        file.write(json.dumps(line) + "\n")
    if jax.process_index():
        time.sleep(0.5)
    return put_batch(batch, rows, mesh)


placement.put_batch = noting
cli.run(train.main)
