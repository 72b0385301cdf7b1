"""One tokenizer class over Hugging Face directories and GGUF metadata.

`encode` never adds special tokens and never recognises them in the text: a problem that contains
`<extra_0>` is just text.
"""

import copy
import json
import os
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, processors

from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.json_files import read_json, read_text
from prm_jax.text import gguf_backend, special_tokens
from prm_jax.text.convention import recorded_convention


class Tokenizer:
    """Text to ids and back, with the facts about the model's text that travel with it.

    Fields:
        bos_id, eos_id, pad_id: int or None.
        add_bos: whether the files say that a text starts with BOS.
        chat_template: jinja2 source or None.
        convention: `StepConvention` of the model, or None if nothing records one.
        embedding_rows: how many ids the model's embedding has rows for; None if that is not known.
    """

    def __init__(self, backend, *, special=None, chat_template=None, add_bos=False, config=None):
        self.backend = backend
        self.special = {name: text for name, text in (special or {}).items() if text is not None}
        self.chat_template = chat_template
        self.add_bos = add_bos
        self.config = dict(config or {})
        self.convention = None
        self.embedding_rows: int | None = None
        self._variants = {}  # of the backend, by what is changed in them
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
        """Ids of a text, as it stands: no special token is added and none is recognised.

        Added tokens that are not special, such as `<think>`, are part of a text and do count.

        Args:
            text: str.

        Returns:
            list of int.
        """
        return _encode(self.backend, text, special=False)

    def encode_continuation(self, text):
        """Ids of a text that goes on from other text.

        As `encode`, without the blank that SentencePiece tokenizers put before every text.

        Args:
            text: str.

        Returns:
            list of int.
        """
        backend = self._variant("without prefix", _without_prefix)
        return _encode(backend, text, special=False)

    def encode_after(self, ids, text):
        """Ids of a text that goes on from ids, as where both are tokenised at once.

        After an added token a text begins anew: SentencePiece tokenizers whose normalizer puts a
        blank before every text put one there too.

        Args:
            ids: list of int, of what comes before.
            text: str, in which special tokens are text.

        Returns:
            list of int.
        """
        if not ids or ids[-1] not in self._variant("added ids", _added_ids):
            return self.encode_continuation(text)
        return _encode(self._variant("after a token", _after_token), text, special=False)

    def encode_with_special(self, text, *, continued=False):
        """Ids of a trusted text, such as a template's own, in which special tokens count.

        Args:
            text: str.
            continued: whether it goes on from other text, see `encode_continuation`; after a token
                in it that was added, a text begins anew.

        Returns:
            list of int.
        """
        going_on = self._variant("without prefix", _without_prefix) if continued else self.backend
        if going_on is self.backend:
            return _encode(self.backend, text, special=True)
        added = (entry.content for entry in self.backend.get_added_tokens_decoder().values())
        first = min((place for token in added if (place := text.find(token)) >= 0), default=None)
        if first is None:
            return _encode(going_on, text, special=True)
        return _encode(going_on, text[:first], special=True) + _encode(
            self.backend, text[first:], special=True
        )

    def decode(self, ids):
        """The text of ids, special tokens included."""
        return self.backend.decode([int(i) for i in ids], skip_special_tokens=False)

    def token_id(self, token):
        """The id of one token of the vocabulary, or None."""
        return self.backend.token_to_id(token)

    def require_rows(self, ids, name=""):
        """Raises `InputError` for ids of a text that the model's embedding has no row for."""
        if self.embedding_rows is None or not len(ids) or max(ids) < self.embedding_rows:
            return
        token = self.text_of(int(max(ids)))
        raise InputError(
            f"the tokenizer has {self.vocab_size} ids and the embedding {self.embedding_rows} rows,"
            f" none for {token!r} ({max(ids)})" + (f" of {name!r}" if name else ""),
            field="tokens",
            remedy="give the model a row for it (transformers: resize_token_embeddings, then "
            "train), or choose a convention without that token",
        )

    def text_of(self, token_id):
        """The token of an id; None for an id that is none."""
        if not isinstance(token_id, int) or not 0 <= token_id < self.vocab_size:
            return None  # -1 stands for no token in files of Llama 2
        return self.backend.id_to_token(token_id)

    def protecting(self, token):
        """The same tokenizer, to which a token is text wherever it stands in a text.

        A special token is so already; one that is added as not special, as the files of some
        checkpoints have their step marker, is not.

        Args:
            token: text of a token, whether the vocabulary has it or not.

        Returns:
            `Tokenizer`.
        """
        added = self.backend.get_added_tokens_decoder().values()
        if not any(entry.content == token and not entry.special for entry in added):
            return self
        return self._variant(token, lambda backend: self._with(_as_special(backend, token)))

    def add_special_token(self, token):
        """Adds a special token after the last id, if it is not there yet; returns its id."""
        if self.token_id(token) is None:
            self.backend = _with_token(self.backend, token, self.vocab_size)
            self._variants = {}
        return self.token_id(token)

    def _variant(self, name, make):
        if name not in self._variants:
            self._variants[name] = make(self.backend)
        return self._variants[name]

    def _with(self, backend):
        other = copy.copy(self)
        other.backend, other._variants = backend, {}
        return other

    def save(self, directory):
        """Writes tokenizer.json and tokenizer_config.json, as transformers reads them.

        Args:
            directory: where; files of these names are replaced.
        """
        directory = Path(directory)
        if self.add_bos and self.bos_id is not None and self.backend.post_processor is None:
            # transformers 5 looks for BOS here, and passes over `add_bos_token`.
            bos = self.special["bos_token"]
            self.backend.post_processor = processors.TemplateProcessing(
                single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, self.bos_id)]
            )
        with atomic_write(directory / "tokenizer.json") as file:
            file.write(self.backend.to_str(pretty=False))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **self.config, **self.special}
        config.pop("chat_template", None)
        config["add_bos_token"] = self.add_bos
        if self.chat_template is not None:
            config["chat_template"] = self.chat_template
        with atomic_write(directory / "tokenizer_config.json") as file:
            json.dump(config, file, indent=2, ensure_ascii=False)

    @classmethod
    def from_dir(cls, directory):
        """Reads a Hugging Face directory, and the step convention its `prm_jax.json` records.

        Raises:
            InputError: tokenizer.json is missing or broken.
        """
        directory = Path(directory)
        path = directory / "tokenizer.json"
        if not os.path.lexists(path):
            raise InputError(
                "no tokenizer.json",
                file=directory,
                remedy="save the fast tokenizer beside the weights",
            )
        state = read_json(path, remedy=special_tokens.AGAIN)
        config = read_json(
            directory / special_tokens.CONFIG,
            special_tokens.KINDS,
            optional=True,
            remedy=special_tokens.AGAIN,
        )
        try:
            special = special_tokens.complete(state, directory, config)
            backend = _from_state(state)
        except InputError:
            raise
        except Exception as error:  # the library raises bare Exception for a broken file
            raise InputError(f"not a tokenizer: {error}", file=path) from error
        tokenizer = cls(
            backend,
            special=special,
            chat_template=_chat_template(directory, config),
            add_bos=special_tokens.starts_with_bos(config, state, special.get("bos_token")),
            config={name: v for name, v in config.items() if name not in special},
        )
        file = directory / "prm_jax.json"
        tokenizer.convention = recorded_convention(read_json(file, optional=True), file)
        return tokenizer

    @classmethod
    def from_gguf(cls, fields):
        """Builds the tokenizer that GGUF metadata describe.

        Args:
            fields: decoded metadata, `tokenizer.ggml.*` among them.

        Raises:
            InputError: metadata are missing, or of a tokenizer that is not supported.
        """
        backend = gguf_backend.read_backend(fields)
        return cls(
            backend,
            special=gguf_backend.special_tokens(fields),
            chat_template=fields.get("tokenizer.chat_template"),
            add_bos=gguf_backend.starts_with_bos(fields),
        )

    def _special_id(self, name):
        text = self.special.get(name)
        return None if text is None else self.token_id(text)


def _encode(backend, text, special):
    backend.encode_special_tokens = not special
    try:
        return backend.encode(text, add_special_tokens=False).ids
    except BaseException as error:
        # The library gives a pattern up that tries too often, and panics: no Exception in Python.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise InputError(
            f"the tokenizer cannot take a text apart: {error}",
            field="tokenizer.json",
            remedy="take the file of the model's authors",
        ) from error


def _added_ids(backend):
    return frozenset(backend.get_added_tokens_decoder())


def _without_prefix(backend):
    """The same tokenizer without the blank put before every text; itself if it puts none."""
    return _changed(backend, _strip_prefix)


def _after_token(backend):
    """The same tokenizer without the blank put before the first text and not after a token."""
    return _changed(backend, _strip_first)


def _changed(backend, change):
    state = json.loads(backend.to_str())
    parts = {name: change(state[name]) for name in ("normalizer", "pre_tokenizer")}
    if all(parts[name] == state[name] for name in parts):
        return backend
    return _from_state({**state, **parts})


def _strip_first(part):
    """A pre-tokenizer, as its file spells it, without a blank that only the first text gets."""
    if part is None:
        return None
    if part.get("prepend_scheme") == "first":
        return {**part, "prepend_scheme": "never"}
    if "pretokenizers" in part:
        return {**part, "pretokenizers": [_strip_first(child) for child in part["pretokenizers"]]}
    return part


def _strip_prefix(part):
    """A normalizer or pre-tokenizer, as its file spells it, without what adds the blank."""
    if part is None or part["type"] == "Prepend":
        return None
    for name in ("normalizers", "pretokenizers"):
        if name in part:
            children = [_strip_prefix(child) for child in part[name]]
            return {**part, name: [child for child in children if child is not None]}
    if part["type"] == "Metaspace":
        return {**part, "prepend_scheme": "never"}
    if part["type"] == "ByteLevel":
        return {**part, "add_prefix_space": False}
    return part


def _from_state(state):
    return tokenizers.Tokenizer.from_str(json.dumps(state))


def _as_special(backend, token):
    """The same tokenizer with an added token marked as special."""
    state = json.loads(backend.to_str())
    for entry in state["added_tokens"]:
        entry["special"] = entry["special"] or entry["content"] == token
    return _from_state(state)


def _with_token(backend, text, index):
    """The tokenizer with one more special token, whose id is `index`."""
    size = backend.get_vocab_size(with_added_tokens=False)
    last = max(backend.get_added_tokens_decoder(), default=-1)
    if index == (last + 1 if last >= size else size):  # the id that the library chooses
        backend.add_special_tokens([AddedToken(text, special=True, normalized=False)])
        return backend
    state = json.loads(backend.to_str())
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    token = {"id": index, "content": text, "special": True} | flags
    special_tokens.place(state, [*state["added_tokens"], token])
    return _from_state(state)


def _chat_template(directory, config):
    text = read_text(directory / "chat_template.jinja", optional=True)
    if text is not None:
        return text
    template = config.get("chat_template")
    if template is None:  # where processors of multimodal models had it before transformers 5
        processor = read_json(directory / "chat_template.json", optional=True)
        template = processor.get("chat_template")
    if isinstance(template, list):  # several named templates
        named = [entry for entry in template if isinstance(entry, dict)]
        template = {str(entry.get("name")): entry.get("template") for entry in named}
    if isinstance(template, dict):
        template = template.get("default")
    if not isinstance(template, str | None):
        raise InputError(
            f"is of type {type(template).__name__}, not a text",
            file=directory / "tokenizer_config.json",
            field="chat_template",
            remedy="save the tokenizer again",
        )
    return template
