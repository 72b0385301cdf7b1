"""GSM8K (arXiv:2110.14168) as step-labelled solutions for tensorflow-datasets."""

import tensorflow_datasets as tfds

from prm_jax import formats
from prm_jax.data.gsm8k import corrupt_gsm8k
from prm_jax.data.tfds_builders.trajectory_builder import OptionsConfig, TrajectoryBuilder

ARTIFACT = "gsm8k-train"  # of third_party/artifacts.toml


class Gsm8kSteps(TrajectoryBuilder):
    """The worked solutions of GSM8K, right as they are or half of them with one wrong step.

    The split for training is downloaded if `manual_dir` does not hold it; ids begin with the name
    of the file, train or gsm8k_train.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        OptionsConfig(name="right", description="The published solutions: all steps are right."),
        OptionsConfig(
            name="corrupted",
            description="One variant of each solution; half of them have one wrong step.",
            options={"n_per_problem": 1, "seed": 0},
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "copy train.jsonl and test.jsonl from grade_school_math/data of "
        "https://github.com/openai/grade-school-math to manual_dir"
    )
    FORMAT = "gsm8k"
    SPLITS = {"train": "train.jsonl", "test": "test.jsonl"}
    DESCRIPTION = "Grade school word problems with worked solutions, one computation a step."
    HOMEPAGE = "https://github.com/openai/grade-school-math"
    CITATION = """@article{cobbe2021training,
  title={Training Verifiers to Solve Math Word Problems},
  author={Cobbe, Karl and Kosaraju, Vineet and Bavarian, Mohammad and Chen, Mark and Jun, Heewoo
    and Kaiser, Lukasz and Plappert, Matthias and Tworek, Jerry and Hilton, Jacob and Nakano,
    Reiichiro and Hesse, Christopher and Schulman, John},
  journal={arXiv preprint arXiv:2110.14168},
  year={2021}
}"""
    LICENSE = "MIT"

    def split_files(self, folder):
        """As the base has it; the split for training is fetched if it is not there."""
        from third_party.fetch import fetch  # here, since it brings JAX

        found = super().split_files(folder)
        return found if "train" in found else {"train": [str(fetch(ARTIFACT))], **found}

    def trajectories(self, files, rejects):
        """The right solutions, or those that `corrupt_gsm8k` makes of them."""
        if not self.options:
            return super().trajectories(files, rejects)
        return corrupt_gsm8k(formats.read(files, self.FORMAT, rejects), **self.options)
