"""Text to steps and ids: segmentation, tokenizers, chat templates, conventions, encoding."""

from prm_jax.text.convention import CONVENTIONS, StepConvention, convention
from prm_jax.text.encode import Encoded, EncodeReport, encode, verify_alignment
from prm_jax.text.segment import segment
from prm_jax.text.tokenizer import Tokenizer

__all__ = [
    "CONVENTIONS",
    "EncodeReport",
    "Encoded",
    "StepConvention",
    "Tokenizer",
    "convention",
    "encode",
    "segment",
    "verify_alignment",
]
