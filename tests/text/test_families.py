"""Ids of tiny tokenizers of every family against transformers, over 300 awkward strings."""

import json

import pytest
import tokenizers
from awkward_texts import awkward_texts
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers

from prm_jax.text import Tokenizer
from prm_jax.text.gguf_splits import SPLITS

TEXTS = awkward_texts()
TRAINED_ON = [text for text in TEXTS if "<" not in text] * 2
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level(pattern=None, *, normalizer=None, ignore_merges=False):
    backend = tokenizers.Tokenizer(models.BPE())
    parts = [] if pattern is None else [pre_tokenizers.Split(Regex(pattern), "isolated")]
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    backend.pre_tokenizer = pre_tokenizers.Sequence([*parts, last])
    backend.decoder = decoders.ByteLevel()
    if normalizer is not None:
        backend.normalizer = normalizer
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=420,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    backend.train_from_iterator(TRAINED_ON, trainer)
    backend.model.ignore_merges = ignore_merges
    return backend


def pieces(*, prefix):
    """A SentencePiece model with byte fallback: as Llama's with a prefix, as Gemma's without."""
    special = ["<pad>", "<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=520, show_progress=False, special_tokens=special, limit_alphabet=90
    )
    backend = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first" if prefix else "never")
    backend.train_from_iterator(TRAINED_ON, trainer)
    state = json.loads(backend.to_str())
    keep = ("<pad>", "<unk>", "<s>", "</s>")
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] in keep]
    backend = tokenizers.Tokenizer.from_str(json.dumps(state))
    replace = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = None
    backend.normalizer = (
        normalizers.Sequence([normalizers.Prepend("▁"), replace]) if prefix else replace
    )
    undo = [decoders.Strip(" ", 1, 0)] if prefix else []
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *undo]
    )
    return backend


def added(*texts, special=True, **flags):
    return [AddedToken(text, special=special, normalized=False, **flags) for text in texts]


CHAT = ("<|im_start|>", "<|im_end|>", "<extra_0>")
FAMILIES = {
    "gpt2": lambda: (byte_level(), added("<|endoftext|>")),
    "llama3": lambda: (byte_level(LLAMA3, ignore_merges=True), added("<|eot_id|>", *CHAT)),
    "qwen2": lambda: (
        byte_level(QWEN2, normalizer=normalizers.NFC()),
        [*added(*CHAT), *added("<think>", "</think>", special=False)],
    ),
    "mistral_tekken": lambda: (byte_level(TEKKEN, ignore_merges=True), added("[INST]", "<s>")),
    "llama_pieces": lambda: (pieces(prefix=True), added("<extra_0>")),
    "gemma_pieces": lambda: (pieces(prefix=False), added("\n\n", "\t\t", special=False)),
    "phi3": lambda: (pieces(prefix=True), added("<|user|>", "<extra_0>", rstrip=True)),
    "flags": lambda: (
        byte_level(QWEN2),
        [
            *added("<pad>", lstrip=True, rstrip=True),
            *added("x", special=False, single_word=True),
            AddedToken("Step", special=False, normalized=True),
        ],
    ),
}


@pytest.fixture(scope="module", params=FAMILIES)
def directory(request, tmp_path_factory):
    backend, tokens = FAMILIES[request.param]()
    backend.add_tokens(tokens)
    path = tmp_path_factory.mktemp(request.param)
    (path / "tokenizer.json").write_text(backend.to_str())
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<new_pad>"}
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return path


def test_there_are_300_different_texts():
    assert len(TEXTS) == 300 and len(set(TEXTS)) > 290


def test_ids_are_those_of_transformers(directory):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(str(directory))
    ours = Tokenizer.from_dir(directory)
    assert ours.vocab_size == len(theirs) and ours.pad_id == theirs.pad_token_id
    for text in TEXTS:
        assert ours.encode_with_special(text) == theirs.encode(text, add_special_tokens=False)
        plain = theirs.encode(text, add_special_tokens=False, split_special_tokens=True)
        assert ours.encode(text) == plain, text


def test_ids_survive_saving(directory, tmp_path):
    transformers = pytest.importorskip("transformers")
    ours = Tokenizer.from_dir(directory)
    ours.add_special_token("<step>")
    ours.save(tmp_path)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(str(tmp_path))
    for text in TEXTS[::3]:
        text = text + "<step>"
        assert ours.encode_with_special(text) == theirs.encode(text, add_special_tokens=False)
        assert Tokenizer.from_dir(tmp_path).encode(text) == ours.encode(text)


@pytest.mark.parametrize(
    ("name", "pattern"), [("llama-bpe", LLAMA3), ("qwen2", QWEN2), ("tekken", TEKKEN)]
)
def test_a_gguf_file_gives_the_ids_of_the_directory_it_was_made_from(name, pattern):
    split = SPLITS[name]
    normalizer = normalizers.NFC() if name == "qwen2" else None
    backend = byte_level(pattern, normalizer=normalizer, ignore_merges=split.ignore_merges)
    state = json.loads(backend.to_str())["model"]
    fields = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": name,
        "tokenizer.ggml.tokens": sorted(state["vocab"], key=state["vocab"].get),
        "tokenizer.ggml.merges": [" ".join(merge) for merge in state["merges"]],
    }
    ours = Tokenizer.from_gguf(fields)
    for text in TEXTS:
        assert ours.encode(text) == backend.encode(text).ids, text


def test_every_named_split_cuts_and_joins_every_text():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    for name in SPLITS:
        fields = {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": name,
            "tokenizer.ggml.tokens": alphabet,
            "tokenizer.ggml.merges": [],
        }
        ours = Tokenizer.from_gguf(fields)
        for text in TEXTS[::7]:
            plain = (
                text if SPLITS[name].normalizer is None else normalizers.NFC().normalize_str(text)
            )
            assert ours.decode(ours.encode(text)) == plain, (name, text)
