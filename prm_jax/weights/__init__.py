"""Weights in and out: Hugging Face safetensors, GGUF, and where presets come from."""

from prm_jax.weights.export import export
from prm_jax.weights.load import load_model

__all__ = ["export", "load_model"]
