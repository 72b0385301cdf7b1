"""The tokenizer in SmolLM2's GGUF file against transformers' reading of the same file."""

import random

import pytest
import tokenizers

from prm_jax.text import Tokenizer
from prm_jax.text.chat import template_pieces
from prm_jax.weights.gguf import GgufFile

TEXTS = (
    "Maya has 17 boxes with 24 apples each; 17 * 24 = 408.\n\nStep 2: 408 - 96 = 312",
    "def f(x):\n\treturn {'a': x ** 2}  # don't\n",
    "été naïve — “q” 日本語 🙂👩‍👧 ки e\u0301",
    "<|im_start|>user\nhi<|im_end|>",
    "   lead and trail   ",
    "\r\n\t \u00a0x",
)
ALPHABET = "abS12 \n\t.,'s’é日🙂ки\r<|>_\u00a0²٣"
"""Digits of other scripts and white space before digits are where a missed split would show."""


@pytest.fixture(scope="module")
def ours(smollm2_gguf):
    return Tokenizer.from_gguf(GgufFile(smollm2_gguf).fields)


@pytest.fixture(scope="module")
def theirs(smollm2_gguf):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(
        str(smollm2_gguf.parent), gguf_file=smollm2_gguf.name
    )


def test_ids_and_special_ids_equal_those_of_transformers(ours, theirs):
    for text in TEXTS:
        special = theirs.encode(text, add_special_tokens=False)
        assert ours.encode_with_special(text) == special
        assert "<|" in text or ours.encode(text) == special
        assert ours.decode(special) == text
    assert ours.vocab_size == len(theirs)
    for name in ("bos", "eos", "pad"):
        assert getattr(ours, f"{name}_id") == getattr(theirs, f"{name}_token_id")


def test_numerals_are_split_as_the_file_says(ours, theirs):
    # transformers' reader passes over the file's `tokenizer.ggml.pre`; the model was trained with
    # every numeral apart, so "\n  1" is "\n  " and "1".
    backend = tokenizers.Tokenizer.from_str(theirs.backend_tokenizer.to_str())
    digits = tokenizers.pre_tokenizers.Digits(individual_digits=True)
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([digits, backend.pre_tokenizer])
    backend.encode_special_tokens = True
    generator = random.Random(0)
    for _ in range(2000):
        text = "".join(generator.choices(ALPHABET, k=generator.randint(1, 30)))
        assert ours.encode(text) == backend.encode(text, add_special_tokens=False).ids
    assert ours.encode("\n  1") == ours.encode("\n  ") + ours.encode("1")


def test_a_saved_copy_reads_back_to_the_same_ids_in_transformers(ours, tmp_path):
    transformers = pytest.importorskip("transformers")
    ours.save(tmp_path)
    copy = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    again = Tokenizer.from_dir(tmp_path)
    for text in TEXTS:
        assert copy.encode(text, add_special_tokens=False) == ours.encode_with_special(text)
        assert again.encode(text) == ours.encode(text)
    messages = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
    whole = copy.apply_chat_template(messages, tokenize=False)
    texts, contents = template_pieces(ours, messages)
    assert "".join(a + b for a, b in zip(texts, [*contents, ""])) == whole
