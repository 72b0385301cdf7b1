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
from prm_jax.json_values import number
from prm_jax.models.heads import HeadConfig
from prm_jax.weights import hf_config
from prm_jax.weights.families import BY_GGUF
from prm_jax.weights.families.rows import Row
from prm_jax.weights.gguf_parts import open_parts
from prm_jax.weights.gguf_rope import rope_scaling

AGAIN = "convert the model again, or use its Hugging Face directory"
RANK_POOLING = 4
"""`pooling_type` of models that score a whole text."""
POSITIVE_LABELS = ("yes", "true", "correct", "right", "positive", "good", "+", "1")

KEYS = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "max_position_embeddings": "context_length",
}
DECIMALS = {"rms_norm_eps": "attention.layer_norm_rms_epsilon", "rope_theta": "rope.freq_base"}
"""Fields of `config.json` -> GGUF's keys after the architecture, of numbers as they are and of
float32 ones."""

HEAD_ROWS = (
    Row("head/kernel", "cls.output.weight", "c d -> d c"),
    Row("head/bias", "cls.output.bias", "c -> c"),
)
IGNORABLE = (re.compile(r"^rope_(freqs|factors_long|factors_short)\.weight$"),)
EXPERTS = re.compile(r"^(?P<stem>blk\.\d+\.ffn_(gate|up|down)_exps)\.weight$")


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
        shapes: dict: tensor name -> shape, outermost axis first; stacked experts have a name each,
            with their number before the ending.
        head: `HeadConfig`, or None for a language model.

    Raises:
        InputError: as `open_parts`, an unknown architecture or an unsupported tensor type.
    """

    def __init__(self, path):
        self.file = str(path)
        self.fields, self.tensors = open_parts(path)
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.experts: dict[str, tuple[str, int]] = {}  # name of an expert's tensor -> its place
        for name, tensor in self.tensors.items():
            shape = tuple(int(size) for size in reversed(tensor.shape))
            stacked = EXPERTS.match(name)
            if stacked is None or len(shape) != 3:
                self.shapes[name] = shape
                continue
            for expert in range(shape[0]):
                self.experts[f"{stacked['stem']}.{expert}.weight"] = (name, expert)
                self.shapes[f"{stacked['stem']}.{expert}.weight"] = shape[1:]
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
        self.config = self.read_config()
        self.refuse_other_numbers()

    def read_config(self):
        """The `DecoderConfig`; errors name GGUF's keys."""
        try:
            return hf_config.read_config(self.hf_values(), self.file)
        except InputError as error:
            names = {**KEYS, **DECIMALS, "head_dim": "attention.key_length"}
            if error.field not in names:
                raise
            raise InputError(
                error.problem,
                file=self.file,
                field=f"{self.architecture}.{names[error.field]}",
                remedy=AGAIN,
            ) from error

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
        stored, expert = self.experts.get(name, (name, None))
        tensor = self.tensors[stored]
        rows, *columns = index
        data = tensor.data if expert is None else tensor.data[expert]
        data = data if data.ndim == len(self.shapes[name]) else data[None]
        data = data[self.row_order(name)[rows]]
        values = gguf.quants.dequantize(data, tensor.tensor_type)[(slice(None), *columns)]
        if self.config.norm_offset and name.endswith("norm.weight"):
            values = values - np.float32(1)
        return values

    def refuse_other_numbers(self):
        """Raises `InputError` for fields that llama.cpp follows and we do not."""
        rotated = self.config.rope.rotary_dim(self.config.head_dim)
        usual = {
            "rope.dimension_count": rotated,
            "attention.value_length": self.config.head_dim,
            "attention.causal": True,
        }
        for name, value in usual.items():
            if self.field(name, value) != value:
                raise InputError(
                    f"is {self.field(name)!r}; only {value!r} is supported",
                    file=self.file,
                    field=f"{self.architecture}.{name}",
                    remedy="use the model's Hugging Face directory",
                )

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
        if value is None:
            return None
        if number(value) is None:
            raise InputError(
                f"is {value!r}, not a number",
                file=self.file,
                field=f"{self.architecture}.{name}",
                remedy=AGAIN,
            )
        return float(str(np.float32(value)))

    def hf_values(self):
        """The metadata in the words of `config.json`."""
        if self.field("expert_count") and "num_experts" not in self.family.reads:
            raise InputError(
                f"mixtures of experts of architecture {self.architecture!r} are not supported",
                file=self.file,
                field=f"{self.architecture}.expert_count",
                remedy="use a dense model, or one of architecture 'qwen3moe'",
            )
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
            **{name: self.field(key) for name, key in KEYS.items()},
            "head_dim": self.field("attention.key_length", self.field("rope.dimension_count")),
            **{name: self.decimal(key) for name, key in DECIMALS.items()},
            "tie_word_embeddings": "output.weight" not in self.shapes,
        }
        values |= self.conventions.values(self, values)
        values = {name: value for name, value in values.items() if value is not None}
        return values | {"rope_scaling": rope_scaling(self, values)}
