"""A loop whose every update needs all processes, until they fail: experiments.train's flags and no
model. Writes to the workdir the number of its last update."""

import time
from pathlib import Path

import jax
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from experiments import train
from prm_jax import cli
from prm_jax.train import distributed


def main(_):
    process = (train.COORDINATOR.value, train.NUM_PROCESSES.value, train.PROCESS_ID.value)
    path = Path(train.WORKDIR.value) / f"updates-{train.PROCESS_ID.value}"
    with distributed.joined(*process):
        mesh = jax.make_mesh((jax.device_count(),), ("data",))
        split, whole = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())
        numbers = jax.jit(lambda: jax.numpy.ones(mesh.size), out_shardings=split)()
        total = jax.jit(lambda x: x.sum(), out_shardings=whole)
        for step in range(1, 100_000):
            assert float(total(numbers)) == mesh.size
            path.write_text(str(step))
            time.sleep(0.05)


cli.run(main)
