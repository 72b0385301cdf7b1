"""The rotary fields of a GGUF file in the words of `config.json`.

Facts are those of llama.cpp and its converter: what became of Llama 3.1's rule, the divisors of
LongRoPE as tensors, and what `yarn_attn_factor` may hold.
"""

import math

import gguf
import numpy as np

from prm_jax.errors import InputError
from prm_jax.models.config import Rope
from prm_jax.models.rope import inverse_frequencies

LONG, SHORT = "rope_factors_long.weight", "rope_factors_short.weight"


def rope_scaling(file, values):
    """RoPE scaling in the words of `config.json`; None for none."""
    if "rope_freqs.weight" in file.shapes:
        return llama3_scaling(file, values)
    # As in llama.cpp: a factor alone is linear, and its name was another until October 2023.
    former = file.decimal("rope.scale_linear")
    factor = file.decimal("rope.scaling.factor", former)
    kind = file.field("rope.scaling.type", "linear" if factor else "none")
    if kind == "longrope" or {LONG, SHORT} & set(file.shapes):
        return longrope_scaling(file, values)
    if kind == "none":
        return None
    if file.field("rope.scaling.attn_factor", 1.0) != 1.0:
        raise unsupported(file, "rope.scaling.attn_factor")
    original = file.field("rope.scaling.original_context_length")
    scaling = {"rope_type": kind, "factor": factor}
    if kind == "yarn":
        check_yarn(file, scaling["factor"])
        scaling |= {
            "original_max_position_embeddings": original,
            "beta_fast": file.decimal("rope.scaling.yarn_beta_fast"),
            "beta_slow": file.decimal("rope.scaling.yarn_beta_slow"),
        }
    return scaling


def unsupported(file, name):
    """The error for a metadata field whose value changes the numbers."""
    return InputError(
        f"{file.field(name)!r} is not supported",
        file=file.file,
        field=f"{file.architecture}.{name}",
        remedy="use the model's Hugging Face directory",
    )


def check_yarn(file, factor):
    """Raises `InputError` for a YaRN that says more than `factor` does.

    Converters put either of two fields into `yarn_attn_factor`: `attention_factor`, by which
    cos and sin are multiplied, whose usual value is 1 + 0.1 ln(factor); or `attn_factor`, which
    transformers passes over and whose usual value is one divided by that. Both are read as
    transformers reads the directory; with any other value the two cannot be told apart.
    """
    usual = 1 + 0.1 * math.log(max(factor or 1.0, 1.0))
    found = file.field("rope.scaling.yarn_attn_factor", usual)
    if not np.isclose([usual, 1 / usual], found, rtol=1e-5, atol=0).any():
        raise unsupported(file, "rope.scaling.yarn_attn_factor")
    for name, off in (("yarn_ext_factor", 1.0), ("yarn_log_multiplier", 0.0)):
        if file.field(f"rope.scaling.{name}", off) != off:
            raise unsupported(file, f"rope.scaling.{name}")


def longrope_scaling(file, values):
    """The divisors, which are tensors, and the factor on cos and sin."""
    original = file.field("rope.scaling.original_context_length")
    if missing := sorted({LONG, SHORT} - set(file.shapes)):
        raise InputError(
            f"LongRoPE needs the tensor {missing[0]}",
            file=file.file,
            field=missing[0],
            remedy="convert the model again with a llama.cpp of today",
        )
    long, short = (
        gguf.quants.dequantize(file.tensors[name].data, file.tensors[name].tensor_type)
        for name in (LONG, SHORT)
    )
    scaling = {
        "rope_type": "longrope",
        "long_factor": [float(str(divisor)) for divisor in long],
        "short_factor": [float(str(divisor)) for divisor in short],
        "original_max_position_embeddings": original,
    }
    found, usual = file.decimal("rope.scaling.attn_factor", 1.0), 1.0
    longest = values.get("max_position_embeddings")
    if original and longest and longest > original > 1:
        usual = math.sqrt(1 + math.log(longest / original) / math.log(original))
    if not math.isclose(found, usual, rel_tol=1e-6):
        scaling["attention_factor"] = found
    return scaling


def llama3_scaling(file, values):
    """Recovers Llama 3.1's scaling from the divisors it became.

    The file keeps one divisor a frequency instead of the rule. All published models share every
    constant but the factor, which is the largest divisor; the divisors that follow from it
    are compared with those in the file.
    """
    tensor = file.tensors["rope_freqs.weight"]
    divisors = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    scaling = {"factor": float(divisors.max()), "original_max_position_embeddings": 8192}
    theta = values.get("rope_theta", 10_000.0)
    rule = Rope(
        theta=theta,
        kind="llama3",
        factor=scaling["factor"],
        original_max_position=8192,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
    )
    plain, _ = inverse_frequencies(Rope(theta=theta), 2 * divisors.size)
    scaled, _ = inverse_frequencies(rule, 2 * divisors.size)
    if not np.allclose(plain / divisors, scaled, rtol=1e-4, atol=0):
        raise InputError(
            "frequency divisors follow no known rule", file=file.file, field="rope_freqs.weight"
        )
    return scaling | {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
