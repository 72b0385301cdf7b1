"""Package prm_jax and its extras."""

from pathlib import Path

from setuptools import find_packages, setup

CORE = [
    "jax>=0.10,<0.13",
    "flax>=0.12",
    "optax>=0.2.8",
    "orbax-checkpoint>=0.12",
    "tensorflow-datasets>=4.9.9",
    "importlib-resources",  # tensorflow-datasets imports it and does not say so
    "ml-collections>=1.1",
    "chex>=0.1.90",
    "absl-py",
    "numpy>=2",
    "scipy",
    "grain>=0.2.14",
    "array-record",
    "tokenizers>=0.21",
    "safetensors>=0.5",
    "gguf>=0.17",
    "jinja2>=3.1.6",  # its sandbox holds what earlier ones let out
    "rich",
    "tensorboardX",
    "matplotlib",
    "sympy>=1.13",
]

EXTRAS = {
    "tpu": ["jax[tpu]"],
    "cuda12": ["jax[cuda12]"],
    "cuda13": ["jax[cuda13]"],
    "calibration": ["scikit-learn>=1.8"],
    "hub": ["huggingface-hub"],
    "parquet": ["fsspec", "huggingface-hub", "pyarrow>=14.0.1"],  # earlier ones unpickle
    "test": [
        "pytest",
        "pytest-xdist",
        "hypothesis",
        "nbclient",
        "nbformat",
        "ipykernel",
        "huggingface-hub",
        "fsspec",
        "pyarrow>=14.0.1",
        "torch",
        "transformers>=5",
        "accelerate",
        "peft>=0.18",
        "scikit-learn>=1.8",
        "mapie>=1.6",
        "ruff",
        "mypy",
    ],
}

setup(
    name="prm_jax",
    version="0.1.0",
    description="Process reward models in JAX: train, score and measure them",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(
        include=["prm_jax", "prm_jax.*", "experiments", "configs", "third_party"]
    ),
    package_data={"third_party": ["*.toml"]},
    install_requires=CORE,
    extras_require=EXTRAS,
)
