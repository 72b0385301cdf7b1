"""Text to ids: tokenizers, chat templates, step conventions and encoding."""

from prm_jax.text.convention import CONVENTIONS, StepConvention, convention
from prm_jax.text.encode import Encoded, EncodeReport, encode, verify_alignment
from prm_jax.text.tokenizer import Tokenizer

__all__ = [
    "CONVENTIONS",
    "EncodeReport",
    "Encoded",
    "StepConvention",
    "Tokenizer",
    "convention",
    "encode",
    "verify_alignment",
]
