"""The `tokenizers` tokenizer that GGUF metadata (`tokenizer.ggml.*`) describe.

The pre-tokenizer is not in the file: `tokenizer.ggml.pre` only names it, and llama.cpp knows the
split that goes with each name. transformers' reader passes over that name; for SmolLM2 its ids
differ from ours where white space precedes a digit or a numeral is not ASCII.
"""

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
)

from prm_jax.errors import InputError

PREFIX = "tokenizer.ggml."
NEEDED = {"gpt2": ("tokens", "merges"), "llama": ("tokens", "scores")}

# Split patterns of byte-level BPE pre-tokenizers, by their name in GGUF files.
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")
UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6  # token types


def read_backend(fields):
    """Builds the tokenizer.

    Args:
        fields: dict of decoded metadata.

    Returns:
        `(tokenizers.Tokenizer, list of all tokens by id)`; control tokens are special.

    Raises:
        InputError: metadata are missing, or of a tokenizer that is not supported.
    """
    kind = fields.get(f"{PREFIX}model")
    if kind not in NEEDED:
        raise InputError(
            f"tokenizer model {kind!r} is not supported",
            field=f"{PREFIX}model",
            remedy="convert the model to a Hugging Face directory",
        )
    for name in NEEDED[kind]:
        if f"{PREFIX}{name}" not in fields:
            raise InputError(
                "is missing from the GGUF metadata",
                field=f"{PREFIX}{name}",
                remedy="convert the model again, or use its Hugging Face directory",
            )
    tokens = list(fields[f"{PREFIX}tokens"])
    types = list(fields.get(f"{PREFIX}token_type") or [1] * len(tokens))
    if kind == "gpt2":
        backend = _byte_level_bpe(fields, tokens)
    else:
        backend = _sentencepiece_bpe(fields, tokens, types)
    for wanted, special, add in (
        (CONTROL, True, backend.add_special_tokens),
        (USER_DEFINED, False, backend.add_tokens),
    ):
        marked = [token for token, type_ in zip(tokens, types) if type_ == wanted]
        add([AddedToken(token, special=special, normalized=False) for token in marked])
    return backend, tokens


def _byte_level_bpe(fields, tokens):
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    backend = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=False))
    kind = fields.get("tokenizer.ggml.pre", "default")

    def split(pattern):
        return [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]

    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    by_kind = {
        "default": [gpt2],
        "gpt-2": [gpt2],
        "smollm": [pre_tokenizers.Digits(individual_digits=True), gpt2],
        "llama-bpe": split(LLAMA3_SPLIT),
        "qwen2": split(QWEN2_SPLIT),
    }
    if kind not in by_kind:
        raise InputError(
            f"pre-tokenizer {kind!r} is not supported",
            field="tokenizer.ggml.pre",
            remedy="convert the model to a Hugging Face directory",
        )
    if kind == "llama-bpe":
        backend.model.ignore_merges = True
    if kind == "qwen2":
        backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(by_kind[kind])
    backend.decoder = decoders.ByteLevel()
    return backend


def _sentencepiece_bpe(fields, tokens, types):
    # Merges follow the pieces' scores: every split of a piece into two known pieces is one.
    scores = list(fields["tokenizer.ggml.scores"])
    vocabulary = {token: index for index, token in enumerate(tokens)}
    normal = {t for t, kind in zip(tokens, types) if kind not in (CONTROL, UNKNOWN, BYTE)}
    merges = []
    for index, token in enumerate(tokens):
        if token not in normal or len(token) < 2:
            continue
        parts = [
            (vocabulary[token[:cut]], vocabulary[token[cut:]], token[:cut], token[cut:])
            for cut in range(1, len(token))
            if token[:cut] in normal and token[cut:] in normal
        ]
        merges += [(-scores[index], index, *part) for part in parts]
    merges.sort(key=lambda merge: (merge[0], merge[1], merge[2], merge[3]))
    unknown = fields.get("tokenizer.ggml.unknown_token_id", 0)
    backend = Tokenizer(
        models.BPE(
            vocabulary,
            [(left, right) for *_, left, right in merges],
            unk_token=tokens[unknown],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    prefix = bool(fields.get("tokenizer.ggml.add_space_prefix", True))
    steps = [normalizers.Prepend("▁")] if prefix else []
    backend.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "▁")])
    undo = [decoders.Strip(" ", 1, 0)] if prefix else []
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *undo]
    )
    return backend
