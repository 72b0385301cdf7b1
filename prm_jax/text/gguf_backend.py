"""The `tokenizers` tokenizer that GGUF metadata (`tokenizer.ggml.*`) describe.

The pre-tokenizer is not in the file, see `gguf_splits`. transformers' reader passes over its name;
for SmolLM2 its ids differ from ours where white space precedes a digit or a numeral is not ASCII.
"""

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

from prm_jax.errors import InputError
from prm_jax.text.gguf_splits import named_split, pre_tokenizer

PREFIX = "tokenizer.ggml."
NEEDED = {"gpt2": ("tokens", "merges"), "llama": ("tokens", "scores")}

UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6  # token types


def read_backend(fields):
    """Builds the tokenizer.

    Args:
        fields: dict of decoded metadata.

    Returns:
        `tokenizers.Tokenizer`; control tokens are special.

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
    return backend


def special_tokens(fields):
    """The special tokens of a file by their names in transformers; dict of str or None.

    Qwen's tokenizers have no BOS: where their files name one and say `add_bos_token` false, the id
    is that of config.json, and no text starts with it.
    """
    tokens = fields[f"{PREFIX}tokens"]
    names = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
    special = {}
    for ours, theirs in names.items():
        index = fields.get(f"{PREFIX}{theirs}_token_id")
        known = index is not None and index < len(tokens)
        special[f"{ours}_token"] = tokens[index] if known else None
    if fields.get(f"{PREFIX}add_bos_token") is False and fields[f"{PREFIX}model"] == "gpt2":
        if named_split(fields)[0] in ("qwen2", "qwen35"):
            special["bos_token"] = None
    return special


def starts_with_bos(fields):
    """Whether a text starts with BOS: `add_bos_token`, else what llama.cpp assumes of its kind."""
    said = fields.get(f"{PREFIX}add_bos_token")
    if said is not None:
        return bool(said)
    return fields[f"{PREFIX}model"] == "llama" or named_split(fields)[1].bos


def _byte_level_bpe(fields, tokens):
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    backend = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=False))
    _, split = named_split(fields)
    backend.model.ignore_merges = split.ignore_merges
    if split.normalizer is not None:
        backend.normalizer = split.normalizer()
    backend.pre_tokenizer = pre_tokenizer(split)
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
