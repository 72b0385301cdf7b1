"""Reading a GGUF file: architecture, tokenizer metadata and weights, dequantised tensor by tensor.

Facts about the format are those of the `gguf` package and of llama.cpp's converter: Llama's query
and key rows are stored for rotation of neighbouring pairs, Gemma's norm weights are stored with
their offset of one added.
"""

import functools
import re

import gguf
import numpy as np

from prm_jax.errors import InputError
from prm_jax.models.config import Rope
from prm_jax.models.heads import HeadConfig
from prm_jax.models.rope import inverse_frequencies
from prm_jax.weights import hf_config
from prm_jax.weights.families import BY_GGUF
from prm_jax.weights.families.rows import Row
from prm_jax.weights.gguf_parts import open_parts

RANK_POOLING = 4
"""`pooling_type` of models that score a whole text."""
POSITIVE_LABELS = ("yes", "true", "correct", "right", "positive", "good", "+", "1")

HEAD_ROWS = (
    Row("head/kernel", "cls.output.weight", "c d -> d c"),
    Row("head/bias", "cls.output.bias", "c -> c"),
)
IGNORABLE = (re.compile(r"^rope_freqs\.weight$"),)


@functools.cache
def dequantised(kind):
    """Whether the `gguf` package gives the numbers of a tensor type."""
    _, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    try:
        gguf.quants.dequantize(np.zeros((1, n_bytes), np.uint8), kind)
    except NotImplementedError:
        return False
    return True


class GgufFile:
    """An open GGUF file, as a source of tensors for `assemble`.

    Attributes:
        file: its path.
        fields: dict of decoded metadata.
        shapes: dict: tensor name -> shape, outermost axis first.
        head: `HeadConfig`, or None for a language model.

    Raises:
        InputError: as `open_parts`, an unknown architecture or an unsupported tensor type.
    """

    def __init__(self, path):
        self.file = str(path)
        self.fields, self.tensors = open_parts(path)
        self.shapes = {
            name: tuple(int(size) for size in reversed(tensor.shape))
            for name, tensor in self.tensors.items()
        }
        for name, tensor in self.tensors.items():
            if not dequantised(tensor.tensor_type):
                raise InputError(
                    f"tensor type {tensor.tensor_type.name} is not supported",
                    file=path,
                    field=name,
                    remedy="quantise the model to a type that the gguf package can read, "
                    "such as Q8_0, or use its Hugging Face directory",
                )
        self.architecture = str(self.fields.get("general.architecture"))
        if self.architecture not in BY_GGUF:
            raise InputError(
                f"unsupported architecture {self.architecture!r}",
                file=path,
                field="general.architecture",
                remedy=f"supported are {', '.join(BY_GGUF)}",
            )
        self.family, self.conventions = BY_GGUF[self.architecture]
        self.head = self.read_head()
        self.config = hf_config.read_config(self.hf_values(), self.file)

    def rows(self):
        """The table rows of this file's family, with GGUF's names as keys."""
        names = self.conventions.names
        rows = tuple(row._replace(key=names[row.path]) for row in self.family.rows)
        return rows if self.head is None else rows + HEAD_ROWS

    def read_head(self):
        """The `HeadConfig` of llama.cpp's classifier head; None for a language model."""
        weight, bias = (row.key for row in HEAD_ROWS)
        if others := sorted({"cls.weight", "cls.norm.weight"} & set(self.shapes)):
            raise InputError(
                "this layer of a classifier head is not supported",
                file=self.file,
                field=others[0],
                remedy="use a model whose head is cls.output alone",
            )
        if weight not in self.shapes:
            return None
        if len(self.shapes[weight]) == 1:  # llama.cpp drops axes of size one
            self.shapes[weight] = (1, *self.shapes[weight])
        n_classes = self.shapes[weight][0]
        kind = "scalar" if n_classes == 1 else "linear"
        return HeadConfig(kind, n_classes=n_classes, bias=bias in self.shapes)

    @property
    def scores_solutions(self):
        """Whether the head, if there is one, scores a whole text and not its steps."""
        rank = self.field("pooling_type", RANK_POOLING) == RANK_POOLING
        return self.head is not None and (rank or self.head.n_classes == 1)

    def read(self, name, index):
        """A block of a tensor as float32, rows in Hugging Face's order; no other is dequantised."""
        tensor = self.tensors[name]
        rows, *columns = index
        data = tensor.data if tensor.data.ndim == len(self.shapes[name]) else tensor.data[None]
        data = data[self.row_order(name)[rows]]
        values = gguf.quants.dequantize(data, tensor.tensor_type)[(slice(None), *columns)]
        if self.config.norm_offset and name.endswith("norm.weight"):
            values = values - np.float32(1)
        return values

    def row_order(self, name):
        """Stored rows in Hugging Face's order: Llama heads go from (pair, half) to (half, pair)."""
        order = np.arange(self.shapes[name][0])
        if self.conventions.rotates_pairs and re.search(r"\.attn_[qk]\.(weight|bias)$", name):
            pairs = self.config.head_dim // 2
            order = order.reshape(-1, pairs, 2).swapaxes(1, 2).reshape(-1)
        labels = [str(label).lower() for label in self.field("classifier.output_labels", ())]
        if name.startswith("cls.output.") and len(labels) == len(order) == 2:
            # Ours has the class that means "right" last; rerankers list "yes" first.
            if labels[0] in POSITIVE_LABELS and labels[1] not in POSITIVE_LABELS:
                order = order[::-1]
        return order

    def field(self, name, default=None):
        """A metadata field of the architecture."""
        return self.fields.get(f"{self.architecture}.{name}", default)

    def decimal(self, name, default=None):
        """A float32 field as the shortest decimal that rounds to it (1e-05, not 9.99999975e-06)."""
        value = self.field(name, default)
        return None if value is None else float(str(np.float32(value)))

    def hf_values(self):
        """The metadata in the words of `config.json`."""
        if self.field("expert_count"):
            raise InputError("mixtures of experts are not supported", file=self.file)
        if not self.shapes:
            raise InputError(
                "has metadata and no tensors (vocabulary only)",
                file=self.file,
                remedy="convert the model without --vocab-only",
            )
        if "token_embd.weight" not in self.shapes:
            raise InputError("has no tensor token_embd.weight", file=self.file)
        values = {
            "model_type": self.family.model_types[0],
            "vocab_size": self.shapes["token_embd.weight"][0],
            "hidden_size": self.field("embedding_length"),
            "intermediate_size": self.field("feed_forward_length"),
            "num_hidden_layers": self.field("block_count"),
            "num_attention_heads": self.field("attention.head_count"),
            "num_key_value_heads": self.field("attention.head_count_kv"),
            "head_dim": self.field("attention.key_length", self.field("rope.dimension_count")),
            "max_position_embeddings": self.field("context_length"),
            "rms_norm_eps": self.decimal("attention.layer_norm_rms_epsilon"),
            "rope_theta": self.decimal("rope.freq_base"),
            "tie_word_embeddings": "output.weight" not in self.shapes,
        }
        values |= self.conventions.values(self, values)
        values = {name: value for name, value in values.items() if value is not None}
        return values | {"rope_scaling": self.rope_scaling(values)}

    def rope_scaling(self, values):
        """RoPE scaling in the words of `config.json`; None for none."""
        if "rope_freqs.weight" in self.shapes:
            return self.llama3_scaling(values)
        kind = self.field("rope.scaling.type", "none")
        if kind == "none":
            return None
        if self.field("rope.scaling.attn_factor", 1.0) != 1.0:
            raise InputError("is not supported", file=self.file, field="rope.scaling.attn_factor")
        original = self.field("rope.scaling.original_context_length")
        scaling = {"rope_type": kind, "factor": self.decimal("rope.scaling.factor")}
        if kind == "yarn":
            scaling |= {
                "original_max_position_embeddings": original,
                "beta_fast": self.decimal("rope.scaling.yarn_beta_fast"),
                "beta_slow": self.decimal("rope.scaling.yarn_beta_slow"),
            }
        return scaling

    def llama3_scaling(self, values):
        """Recovers Llama 3.1's scaling from the divisors it became.

        The file keeps one divisor a frequency instead of the rule. All published models share every
        constant but the factor, which is the largest divisor; the divisors that follow from it
        are compared with those in the file.
        """
        tensor = self.tensors["rope_freqs.weight"]
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
                "frequency divisors follow no known rule", file=self.file, field="rope_freqs.weight"
            )
        return scaling | {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
