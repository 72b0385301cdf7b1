"""Which added and special tokens a Hugging Face directory names, as transformers 5 finds them.

tokenizer.json has most of them; what it lacks stands in `added_tokens_decoder`, in
`extra_special_tokens` (a list or a dict of names; formerly `additional_special_tokens`), in
`model_specific_special_tokens` (a dict of names) and under names such as `bos_token` in
tokenizer_config.json. Only where that file has no `added_tokens_decoder` are
special_tokens_map.json, which then goes first, and added_tokens.json read.
"""

from pathlib import Path
from types import NoneType

from prm_jax.errors import InputError
from prm_jax.json_files import read_json, require_kinds

AGAIN = "save the tokenizer again"
BY_NAME = "model_specific_special_tokens"
NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
DECODER, EXTRA, FORMER = "added_tokens_decoder", "extra_special_tokens", "additional_special_tokens"
CONFIG = "tokenizer_config.json"
KINDS = {
    DECODER: (dict, NoneType),
    EXTRA: (list, dict, NoneType),
    FORMER: (list, dict, NoneType),
    BY_NAME: (dict, NoneType),
    **dict.fromkeys(NAMES, (str, dict, NoneType)),
}
"""What fields of tokenizer_config.json and special_tokens_map.json may be."""


def complete(state, directory, config):
    """Adds to a decoded tokenizer.json the tokens that only other files of its directory name.

    Ids are those that the files give; tokenizer.json goes before them in its ids and after them in
    its flags, as in transformers. A token without an id gets the one after the last.

    Args:
        state: the decoded tokenizer.json; changed.
        directory: Path of the directory.
        config: the decoded tokenizer_config.json.

    Returns:
        dict: names such as 'bos_token' -> text of the token, without those that are null.

    Raises:
        InputError: an entry is no token, or two tokens have one id; names file and field.
    """
    directory = Path(directory)
    named, extra, by_id = _other_files(directory, config)
    file = directory / CONFIG
    tokens = {token["content"]: token for token in state["added_tokens"]}
    vocabulary = _vocabulary(state["model"])
    for index, token in by_id.items():
        index = tokens.get(token["content"], {}).get("id", index)
        tokens[token["content"]] = token | {"id": vocabulary.get(token["content"], index)}
    last = max([-1, *vocabulary.values(), *(token["id"] for token in tokens.values())])
    for field, value in [*named.items(), *((EXTRA, token) for token in extra)]:
        token = _token(value, file, field, special=True)
        text = token["content"]
        if text not in tokens:
            if text not in vocabulary:
                last += 1
            tokens[text] = token | {"id": vocabulary.get(text, last)}
        elif field in named:
            tokens[text]["special"] = True
    place(state, tokens.values(), file)
    return {name: _text(value) for name, value in named.items()}


def place(state, tokens, file=None):
    """Makes these the added tokens of a decoded tokenizer.json, each with its own id.

    The library numbers added tokens one after the other, whatever ids the file has: a gap moves all
    that follow, and two tokens may get one id. A token that is in the model's vocabulary keeps its
    id, so where there are gaps all are put there.

    Args:
        state: the decoded tokenizer.json; changed.
        tokens: its added tokens as that file writes them.
        file: path for messages.

    Raises:
        InputError: two tokens have one id, or ids have gaps and the model's vocabulary is a list.
    """
    state["added_tokens"] = sorted(tokens, key=lambda token: token["id"])
    vocabulary = state["model"]["vocab"]
    texts = {index: text for text, index in _vocabulary(state["model"]).items()}
    new = []
    for token in state["added_tokens"]:
        index, text = token["id"], token["content"]
        if texts.get(index) != text:
            new.append(index)
        if texts.setdefault(index, text) != text:
            raise InputError(
                f"{text!r} has the id {index} of {texts[index]!r}",
                file=file,
                field="added_tokens",
                remedy="save the tokenizer again with the transformers that wrote it",
            )
    if new == list(range(len(vocabulary), len(vocabulary) + len(new))):
        return
    if not isinstance(vocabulary, dict):
        raise InputError(
            f"the ids of added tokens have gaps: {new}",
            file=file,
            field="added_tokens",
            remedy="save the tokenizer again with the transformers that wrote it",
        )
    vocabulary |= {token["content"]: token["id"] for token in state["added_tokens"]}


def _other_files(directory, config):
    """`(tokens by their names, further tokens, tokens by their ids)` outside tokenizer.json."""
    file = directory / CONFIG
    values, by_id = dict(config), {}
    if not values.get(EXTRA) and values.get(FORMER):
        values[EXTRA] = values.pop(FORMER)
    if values.get(DECODER) is None:
        special_map = read_json(
            directory / "special_tokens_map.json", KINDS, optional=True, remedy=AGAIN
        )
        if isinstance(special_map.get(EXTRA), list):
            listed = values.get(EXTRA) or []
            special_map[EXTRA] = listed + [t for t in special_map[EXTRA] if t not in listed]
        values |= special_map
        special = {_text(value) for name, value in values.items() if name in NAMES}
        special |= {_text(token) for token in values.get(EXTRA) or ()}
        added = read_json(directory / "added_tokens.json", optional=True, remedy=AGAIN)
        require_kinds(added, dict.fromkeys(added, int), directory / "added_tokens.json")
        for text, index in added.items():
            flags = {"special": text in special, "normalized": text not in special}
            by_id[index] = _token(text, file, "added_tokens.json") | flags
    else:
        for index, token in values[DECODER].items():
            token = _token(token, file, f"{DECODER}.{index}")
            if not index.isdecimal():
                raise InputError(
                    f"{index!r} is no id of a token", file=file, field=DECODER, remedy=AGAIN
                )
            by_id[int(index)] = token
    extra = values.get(EXTRA) or values.get(FORMER) or []
    more: dict[str, object] = {}
    if isinstance(extra, dict):
        more, extra = extra, values.get(FORMER) or []
    more = more | (values.get(BY_NAME) or {})
    others = {n: v for n, v in values.items() if n.endswith("_token") and n not in NAMES}
    named = {name: values[name] for name in NAMES if values.get(name) is not None}
    named |= {name: value for name, value in others.items() if isinstance(value, str)} | more
    named |= {name: value for name, value in others.items() if isinstance(value, dict)}
    return named, extra, dict(sorted(by_id.items()))


def starts_with_bos(config, state, bos):
    """Whether the files of a tokenizer say that a text starts with BOS.

    `add_bos_token` of tokenizer_config.json says so, as llama.cpp's converter reads it; where it is
    absent or null, the template of tokenizer.json's post-processor.

    Args:
        config: the decoded tokenizer_config.json.
        state: the decoded tokenizer.json.
        bos: text of the BOS token, or None.

    Returns:
        bool.
    """
    if isinstance(config.get("add_bos_token"), bool):
        return config["add_bos_token"]
    processor = state.get("post_processor") or {}
    for part in processor.get("processors", [processor]):
        if part.get("type") == "TemplateProcessing" and part["single"]:
            return bos is not None and part["single"][0].get("SpecialToken", {}).get("id") == bos
    return False


def _vocabulary(model):
    """The ids of a model's own tokens: of a dict, or of a list of pieces with scores."""
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        return vocabulary
    return {piece[0]: index for index, piece in enumerate(vocabulary)}


def _text(value):
    return value.get("content") if isinstance(value, dict) else value


def _token(value, file, field, *, special=False):
    """An added token as tokenizer.json writes it, without its id."""
    value = {"content": value, "special": special} if isinstance(value, str) else value
    text = value.get("content") if isinstance(value, dict) else None
    if not isinstance(text, str) or not text:
        raise InputError(f"{value!r} is not a token", file=file, field=field, remedy=AGAIN)
    special = bool(value.get("special", special))
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": not special}
    given = {name: bool(value[name]) for name in flags if value.get(name) is not None}
    return {"content": text} | flags | given | {"special": special}
