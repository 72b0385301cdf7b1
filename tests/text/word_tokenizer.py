"""A small tokenizer made in the tests: bytes, with a few special tokens and a chat template."""

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
    return Tokenizer(backend, special=special, chat_template=chat_template)
