"""Builders of tensorflow-datasets for the published data sets, without TensorFlow.

builder = BUILDERS["processbench"](data_dir="data/tfds")
builder.download_and_prepare(download_config=DownloadConfig(manual_dir="processbench/"))
trajectories = read(builder, "gsm8k")

Importing this package also makes the names known to `tfds.builder` and `tfds.data_source`.
"""

from prm_jax.data.tfds_builders.gsm8k_steps import Gsm8kSteps
from prm_jax.data.tfds_builders.math_shepherd import MathShepherd
from prm_jax.data.tfds_builders.prm800k import Prm800k
from prm_jax.data.tfds_builders.prmbench import Prmbench
from prm_jax.data.tfds_builders.processbench import Processbench
from prm_jax.data.tfds_builders.trajectory_builder import (
    OptionsConfig,
    TrajectoryBuilder,
    build,
    read,
)

BUILDERS: dict[str, type[TrajectoryBuilder]] = {
    builder.name: builder for builder in (Prm800k, MathShepherd, Processbench, Prmbench, Gsm8kSteps)
}

__all__ = ["BUILDERS", "OptionsConfig", "TrajectoryBuilder", "build", "read"]
