"""Small tokenizers made in the tests: of bytes, and of SentencePiece pieces with scores."""

import tokenizers
from tokenizers import AddedToken

from prm_jax.text import Tokenizer

CHAT = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|end|>\n{% endfor %}"
)


def byte_tokenizer(*, bos=True, chat_template=CHAT):
    """A byte-level tokenizer with BOS, chat marks and `<extra_0>`."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    backend = tokenizers.Tokenizer(
        tokenizers.models.BPE({byte: index for index, byte in enumerate(alphabet)}, [])
    )
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    marks = ("<s>", "<|start|>", "<|end|>", "<extra_0>")
    backend.add_special_tokens([AddedToken(m, special=True, normalized=False) for m in marks])
    special = {"bos_token": "<s>", "eos_token": "<|end|>"} if bos else {"eos_token": "<|end|>"}
    return Tokenizer(backend, special=special, chat_template=chat_template, add_bos=bos)


def piece_tokenizer(words=None):
    """A SentencePiece tokenizer, as GGUF metadata describe one, with byte fallback.

    Args:
        words: piece -> score; by default single letters and a few merges.
    """
    letters = dict.fromkeys(["▁", *"WhySteabки:12"], -20.0)
    words = words or {**letters, "▁S": -4.0, "▁St": -3.0, "▁a": -2.0, "ки": -1.0}
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    return Tokenizer.from_gguf(
        {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.tokens": [*pieces, *words],
            "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * len(words),
            "tokenizer.ggml.scores": [0.0] * len(pieces) + list(words.values()),
            "tokenizer.ggml.bos_token_id": 1,
        }
    )
