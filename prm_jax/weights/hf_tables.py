"""Which stored tensors are which parameters of a model: the rows of its family and of its head.

The rows of families stand in `families/`. Here are those of heads, and what else checkpoints hold.
"""

import re

from prm_jax.weights.families import FAMILIES
from prm_jax.weights.families.rows import LAYERS, Row, in_periods

__all__ = ["HEAD_ROWS", "IGNORABLE", "LAYERS", "Row", "plain_key", "rows_for"]

HEAD_ROWS = {
    "scalar": (
        Row("head/kernel", "score.weight", "c d -> d c"),
        Row("head/bias", "score.bias", "c -> c"),
    ),
    "mlp": (
        Row("head/dense/kernel", "score.0.weight", "o d -> d o"),
        Row("head/dense/bias", "score.0.bias", "o -> o"),
        Row("head/out/kernel", "score.2.weight", "c o -> o c"),
        Row("head/out/bias", "score.2.bias", "c -> c"),
    ),
    "two_token": (),
    "easy_to_hard": (Row("head/kernel", "easy_to_hard.weight", "c d -> d c"),),
}
HEAD_ROWS["linear"] = HEAD_ROWS["scalar"]

# Of our own: no architecture of transformers reads both directions.
GATE_ROWS = (
    Row("head/gate/dense/kernel", "gate.0.weight", "o d -> d o"),
    Row("head/gate/dense/bias", "gate.0.bias", "o -> o"),
    Row("head/gate/out/kernel", "gate.2.weight", "c o -> o c"),
    Row("head/gate/out/bias", "gate.2.bias", "c -> c"),
)

# Tensors that carry no parameter of ours: buffers that old files kept, the image side of a
# multimodal Gemma 3 or Qwen 3.5, and the layers that guess further tokens beside Qwen 3.5's.
IGNORABLE = (
    re.compile(r"\.rotary_emb\.inv_freq$"),
    re.compile(r"^(model\.)?(vision_tower|multi_modal_projector|visual)\."),
    re.compile(r"^mtp\."),
)

# A multimodal model keeps its text model under one of these, by the version that wrote it.
TEXT_PREFIXES = (
    ("language_model.model.", "model."),
    ("model.language_model.", "model."),
    ("language_model.lm_head.", "lm_head."),
)


def plain_key(key):
    """The key that a text-only checkpoint would have for a tensor of a multimodal one."""
    for prefix, replacement in TEXT_PREFIXES:
        if key.startswith(prefix):
            return replacement + key.removeprefix(prefix)
    return key


def rows_for(config, head):
    """All rows that may apply to a model.

    Args:
        config: `DecoderConfig`.
        head: `HeadConfig` or None.

    Returns:
        Tuple of Row.
    """
    rows = FAMILIES[config.family].rows
    if config.has_linear:
        rows = in_periods(rows, config.period)
    if head is None:
        return rows
    return rows + HEAD_ROWS[head.kind] + (GATE_ROWS if head.gate else ())
