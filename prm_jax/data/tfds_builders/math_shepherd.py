"""Math-Shepherd (arXiv:2312.08935) for tensorflow-datasets."""

import tensorflow_datasets as tfds

from prm_jax.data.tfds_builders.trajectory_builder import TrajectoryBuilder


class MathShepherd(TrajectoryBuilder):
    """Solutions of GSM8K and MATH problems, their steps labelled by completions of a model."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "copy math-shepherd.jsonl from https://huggingface.co/datasets/peiyi9979/Math-Shepherd "
        "to manual_dir"
    )
    FORMAT = "math_shepherd"
    SPLITS = {"train": "math-shepherd.jsonl"}
    DESCRIPTION = (
        "Solutions of problems of GSM8K and MATH by language models. A step is right if one of "
        "the completions sampled from it reaches the true answer."
    )
    HOMEPAGE = "https://huggingface.co/datasets/peiyi9979/Math-Shepherd"
    CITATION = """@article{wang2023mathshepherd,
  title={Math-Shepherd: Verify and Reinforce LLMs Step-by-step without Human Annotations},
  author={Wang, Peiyi and Li, Lei and Shao, Zhihong and Xu, R. X. and Dai, Damai and Li, Yifei and
    Chen, Deli and Wu, Y. and Sui, Zhifang},
  journal={arXiv preprint arXiv:2312.08935},
  year={2023}
}"""
    LICENSE = "The page of the data set names no licence."
