"""One tokenizer class over Hugging Face directories and GGUF metadata.

`encode` never adds special tokens and never recognises them in the text: a problem that contains
`<extra_0>` is just text.
"""

import json
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers

from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.text.convention import StepConvention

# Split patterns of byte-level BPE pre-tokenizers, by their name in GGUF files.
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")
CONTROL, USER_DEFINED, UNKNOWN, BYTE = 3, 4, 2, 6  # token types in GGUF files


class Tokenizer:
    """Text to ids and back, with the facts about the model's text that travel with it.

    Fields:
        bos_id, eos_id, pad_id: int or None.
        add_bos: whether the files say that a text starts with BOS.
        chat_template: jinja2 source or None.
        convention: `StepConvention` of the model, or None if nothing records one.
    """

    def __init__(self, backend, *, special=None, chat_template=None, add_bos=False, config=None):
        self.backend = backend
        self.special = {name: text for name, text in (special or {}).items() if text is not None}
        self.chat_template = chat_template
        self.add_bos = add_bos
        self.config = dict(config or {})
        self.convention = None
        backend.no_padding()
        backend.no_truncation()

    @property
    def vocab_size(self):
        """Number of ids, added tokens included; an embedding may have more rows."""
        return max(self.backend.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def bos_id(self):
        return self._special_id("bos_token")

    @property
    def eos_id(self):
        return self._special_id("eos_token")

    @property
    def pad_id(self):
        return self._special_id("pad_token")

    def encode(self, text):
        """Ids of a text, as it stands: no special token is added and none is recognised. list[int]."""
        self.backend.encode_special_tokens = True
        return self.backend.encode(text, add_special_tokens=False).ids

    def encode_with_special(self, text):
        """Ids of a trusted text (a template's own pieces), special tokens recognised. list[int]."""
        self.backend.encode_special_tokens = False
        return self.backend.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        """The text of ids, special tokens included."""
        return self.backend.decode([int(i) for i in ids], skip_special_tokens=False)

    def token_id(self, token):
        """The id of one token of the vocabulary, or None."""
        return self.backend.token_to_id(token)

    def add_special_token(self, token):
        """Adds a special token after the last id, if it is not there yet; returns its id."""
        if self.token_id(token) is None:
            self.backend.add_special_tokens([AddedToken(token, special=True, normalized=False)])
        return self.token_id(token)

    def save(self, directory):
        """Writes tokenizer.json, tokenizer_config.json and the chat template, as transformers reads
        them.
        """
        directory = Path(directory)
        with atomic_write(directory / "tokenizer.json") as file:
            file.write(self.backend.to_str(pretty=False))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **self.config, **self.special}
        config.pop("chat_template", None)
        if self.chat_template is not None:
            config["chat_template"] = self.chat_template
        with atomic_write(directory / "tokenizer_config.json") as file:
            json.dump(config, file, indent=2, ensure_ascii=False)

    @classmethod
    def from_dir(cls, directory):
        """Reads a Hugging Face directory, and the step convention from `prm_jax.json` if that is
        there.

        Raises:
            InputError: tokenizer.json is missing or broken.
        """
        directory = Path(directory)
        path = directory / "tokenizer.json"
        if not path.is_file():
            raise InputError(
                "no tokenizer.json",
                file=directory,
                remedy="save the fast tokenizer beside the weights",
            )
        try:
            backend = tokenizers.Tokenizer.from_str(path.read_text("utf-8"))
        except Exception as error:  # the library raises bare Exception for a broken file
            raise InputError(f"not a tokenizer: {error}", file=path) from error
        special_map = _read_json(directory / "special_tokens_map.json")
        config = _read_json(directory / "tokenizer_config.json")
        special = {}
        for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
            value = config.get(name, special_map.get(name))
            special[name] = value.get("content") if isinstance(value, dict) else value
        tokenizer = cls(
            backend,
            special=special,
            chat_template=_chat_template(directory, config),
            add_bos=bool(config.get("add_bos_token", False)),
            config={name: v for name, v in config.items() if name not in special},
        )
        record = _read_json(directory / "prm_jax.json")
        if record.get("convention"):
            tokenizer.convention = StepConvention.from_dict(record["convention"])
        return tokenizer

    @classmethod
    def from_gguf(cls, fields):
        """Builds the tokenizer that GGUF metadata describe.

        Args:
            fields: decoded metadata, `tokenizer.ggml.*` among them.

        Raises:
            InputError: a tokenizer model or pre-tokenizer that is not supported.
        """
        tokens = list(fields["tokenizer.ggml.tokens"])
        types = list(fields.get("tokenizer.ggml.token_type") or [1] * len(tokens))
        kind = fields.get("tokenizer.ggml.model")
        if kind == "gpt2":
            backend = _byte_level_bpe(fields, tokens)
        elif kind == "llama":
            backend = _sentencepiece_bpe(fields, tokens, types)
        else:
            raise InputError(
                f"tokenizer model {kind!r} is not supported",
                field="tokenizer.ggml.model",
                remedy="convert the model to a Hugging Face directory",
            )
        marked = [(t, k) for t, k in zip(tokens, types) if k in (CONTROL, USER_DEFINED)]
        backend.add_special_tokens(
            [AddedToken(t, special=True, normalized=False) for t, k in marked if k == CONTROL]
        )
        backend.add_tokens(
            [AddedToken(t, special=False, normalized=False) for t, k in marked if k != CONTROL]
        )

        def special(name):
            index = fields.get(f"tokenizer.ggml.{name}_token_id")
            return None if index is None else tokens[index]

        return cls(
            backend,
            special={
                "bos_token": special("bos"),
                "eos_token": special("eos"),
                "pad_token": special("padding"),
                "unk_token": special("unknown"),
            },
            chat_template=fields.get("tokenizer.chat_template"),
            add_bos=bool(fields.get("tokenizer.ggml.add_bos_token", kind == "llama")),
        )

    def _special_id(self, name):
        text = self.special.get(name)
        return None if text is None else self.token_id(text)


def _byte_level_bpe(fields, tokens):
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    backend = tokenizers.Tokenizer(models.BPE(vocabulary, merges, ignore_merges=False))
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
    # Merge order follows the pieces' scores: every split of a piece into two known pieces is a
    # merge.
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
    backend = tokenizers.Tokenizer(
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


def _chat_template(directory, config):
    path = directory / "chat_template.jinja"
    if path.is_file():
        return path.read_text("utf-8")
    template = _read_json(directory / "chat_template.json").get("chat_template")
    template = template or config.get("chat_template")
    if isinstance(template, list):  # several named templates
        named = {entry["name"]: entry["template"] for entry in template}
        template = named.get("default")
    return template


def _read_json(path):
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"not JSON: {error}", file=path) from error
