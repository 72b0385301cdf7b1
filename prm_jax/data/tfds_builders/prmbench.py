"""PRMBench (arXiv:2501.03124) for tensorflow-datasets."""

import tensorflow_datasets as tfds

from prm_jax.data.tfds_builders.trajectory_builder import OptionsConfig, TrajectoryBuilder


class Prmbench(TrajectoryBuilder):
    """Right solutions, and the same modified to hold errors of a class; a variant for which."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        OptionsConfig(name=process, description=description, options={"process": process})
        for process, description in (
            ("modified", "The processes that hold errors."),
            ("original", "The processes before they were modified, all steps right."),
            ("both", "Each original process and then the modified one, in one group."),
        )
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "copy prmbench_preview.jsonl (split test) from "
        "https://huggingface.co/datasets/hitsmy/PRMBench_Preview, or the files "
        "prm800k_train_p1_*.jsonl (split train_p1) of https://github.com/ssmisya/PRMBench, "
        "to manual_dir"
    )
    FORMAT = "prmbench"
    SPLITS = {"test": "prmbench_preview.jsonl", "train_p1": "prm800k_train_p1_*.jsonl"}
    DESCRIPTION = (
        "Right solutions of problems of PRM800K, and the same modified by a language model to hold "
        "errors of one of nine classes. The split test is the benchmark; train_p1 is made in the "
        "same way from problems for training."
    )
    HOMEPAGE = "https://prmbench.github.io"
    CITATION = """@article{song2025prmbench,
  title={PRMBench: A Fine-grained and Challenging Benchmark for Process-Level Reward Models},
  author={Song, Mingyang and Su, Zhaochen and Qu, Xiaoye and Zhou, Jiawei and Cheng, Yu},
  journal={arXiv preprint arXiv:2501.03124},
  year={2025}
}"""
    LICENSE = "Apache-2.0"
