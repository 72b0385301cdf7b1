"""ProcessBench (arXiv:2412.06559) for tensorflow-datasets."""

import tensorflow_datasets as tfds

from prm_jax.data.tfds_builders.trajectory_builder import TrajectoryBuilder


class Processbench(TrajectoryBuilder):
    """Solutions whose first wrong step experts marked; a split for each source of problems."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "copy gsm8k.json and the others from https://huggingface.co/datasets/Qwen/ProcessBench "
        "to manual_dir"
    )
    FORMAT = "processbench"
    SPLITS = {name: f"{name}.json" for name in ("gsm8k", "math", "olympiadbench", "omnimath")}
    DESCRIPTION = (
        "Solutions of mathematical problems by language models, in which experts marked the first "
        "wrong step. For evaluation only."
    )
    HOMEPAGE = "https://github.com/QwenLM/ProcessBench"
    CITATION = """@article{processbench,
  title={ProcessBench: Identifying Process Errors in Mathematical Reasoning},
  author={Zheng, Chujie and Zhang, Zhenru and Zhang, Beichen and Lin, Runji and Lu, Keming and Yu,
    Bowen and Liu, Dayiheng and Zhou, Jingren and Lin, Junyang},
  journal={arXiv preprint arXiv:2412.06559},
  year={2024}
}"""
    LICENSE = "Apache-2.0"
