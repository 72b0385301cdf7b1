"""PRM800K (arXiv:2305.20050) for tensorflow-datasets."""

import tensorflow_datasets as tfds

from prm_jax.data.tfds_builders.trajectory_builder import OptionsConfig, TrajectoryBuilder


class Prm800k(TrajectoryBuilder):
    """Solutions of MATH problems whose steps people rated; a variant for what rating 0 means."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        OptionsConfig(name=neutral, description=description, options={"neutral": neutral})
        for neutral, description in (
            ("positive", "Steps rated 0 are right (Lightman et al.)."),
            ("negative", "Steps rated 0 are wrong."),
            ("masked", "Steps rated 0 are not labelled."),
        )
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "copy phase1_train.jsonl and the others from prm800k/data of "
        "https://github.com/openai/prm800k (Git LFS) to manual_dir"
    )
    FORMAT = "prm800k"
    SPLITS = {
        name: f"{name}.jsonl"
        for name in ("phase1_train", "phase1_test", "phase2_train", "phase2_test")
    }
    DESCRIPTION = (
        "Solutions of problems of MATH, sampled from a language model, whose steps people rated as "
        "right, neutral or wrong. A trajectory follows the steps that were chosen."
    )
    HOMEPAGE = "https://github.com/openai/prm800k"
    CITATION = """@article{lightman2023lets,
  title={Let's Verify Step by Step},
  author={Lightman, Hunter and Kosaraju, Vineet and Burda, Yura and Edwards, Harri and Baker,
    Bowen and Lee, Teddy and Leike, Jan and Schulman, John and Sutskever, Ilya and Cobbe, Karl},
  journal={arXiv preprint arXiv:2305.20050},
  year={2023}
}"""
    LICENSE = "MIT"
