"""Where Hugging Face directories name their tokens, against transformers."""

import json

import pytest
import tokenizers
from tokenizers import AddedToken

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.text import CONVENTIONS, Tokenizer, convention, encode

SPECIAL = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
SPECIAL |= {"special": True}
TEXT = "<s>a<|im_start|>b <x> <y><z></s>"


def base(directory, *, added=(), template=None, size=256):
    """A directory whose tokenizer.json has bytes and little else."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())[:size]
    backend = tokenizers.Tokenizer(
        tokenizers.models.BPE({byte: index for index, byte in enumerate(alphabet)}, [])
    )
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in added])
    if template:
        backend.post_processor = tokenizers.processors.TemplateProcessing(
            single=template, special_tokens=[(t, backend.token_to_id(t)) for t in added]
        )
    (directory / "tokenizer.json").write_text(backend.to_str())


def write(directory, name="tokenizer_config.json", **values):
    if name == "tokenizer_config.json":
        values = {"tokenizer_class": "PreTrainedTokenizerFast"} | values
    (directory / name).write_text(json.dumps(values))


def decoder(first, *texts, **flags):
    return {str(first + i): SPECIAL | {"content": t} | flags for i, t in enumerate(texts)}


PLACES = {
    "decoder": {"added_tokens_decoder": decoder(256, "<|im_start|>", "<x>", "<y>")},
    "extra_list": {"extra_special_tokens": ["<|im_start|>", "<x>"]},
    "extra_dict": {"extra_special_tokens": {"image_token": "<x>", "boi": "<y>"}},
    "additional": {"additional_special_tokens": ["<x>", "<y>"], "eos_token": "</s>"},
    "extra_before_additional": {
        "extra_special_tokens": ["<x>"],
        "additional_special_tokens": ["<z>"],
    },
    "extra_dict_and_additional": {
        "extra_special_tokens": {"image_token": "<x>"},
        "additional_special_tokens": ["<z>"],
    },
    "by_name": {"model_specific_special_tokens": {"step_token": "<x>", "boi": "<y>"}},
    "names": {"bos_token": "<s>", "pad_token": "<x>", "mask_token": "<y>", "unk_token": None},
    "model_specific": {
        "image_token": "<x>",
        "eos_token": {"__type": "AddedToken"} | decoder(0, "</s>")["0"],
    },
    "decoder_and_names": {
        "added_tokens_decoder": decoder(256, "<s>", "<x>", special=False),
        "bos_token": "<s>",
        "pad_token": "<z>",
        "extra_special_tokens": ["<y>"],
    },
    "flags": {"added_tokens_decoder": decoder(256, "<x>", "<y>", lstrip=True, rstrip=True)},
}


@pytest.mark.parametrize("place", PLACES)
def test_tokens_of_every_place_are_found_as_transformers_finds_them(place, tmp_path):
    transformers = pytest.importorskip("transformers")
    base(tmp_path)
    write(tmp_path, **PLACES[place])
    agree(tmp_path, transformers)


@pytest.mark.parametrize("with_decoder", [False, True])
def test_legacy_files_are_read_where_the_configuration_has_no_decoder(with_decoder, tmp_path):
    transformers = pytest.importorskip("transformers")
    base(tmp_path, added=["<s>"])
    more = {"added_tokens_decoder": decoder(257, "<x>")} if with_decoder else {}
    write(tmp_path, bos_token="<s>", eos_token="</s>", **more)
    legacy = {"eos_token": {"content": "<y>", "lstrip": False}, "pad_token": "<z>"}
    write(tmp_path, "special_tokens_map.json", additional_special_tokens=["<x>"], **legacy)
    write(tmp_path, "added_tokens.json", **{"<|im_start|>": 257, "<x>": 258})
    ours = agree(tmp_path, transformers)
    assert ours.token_id("<|im_start|>") == (None if with_decoder else 257)
    assert (ours.special["eos_token"] == "</s>") == with_decoder


def agree(directory, transformers):
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(str(directory))
    ours = Tokenizer.from_dir(directory)
    assert ours.backend.get_vocab() == theirs.get_vocab()
    assert ours.special == {k: v for k, v in theirs.special_tokens_map.items()}
    assert ours.encode_with_special(TEXT) == theirs.encode(TEXT, add_special_tokens=False)
    plain = theirs.encode(TEXT, add_special_tokens=False, split_special_tokens=True)
    assert ours.encode(TEXT) == plain
    return ours


def test_ids_after_a_gap_are_those_that_the_files_give(tmp_path):
    # The library alone numbers <z> 257: what tokenizer_config.json has between is missing here.
    base(tmp_path, added=["<s>", "<z>"])
    state = json.loads((tmp_path / "tokenizer.json").read_text())
    state["added_tokens"][1]["id"] = 259
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    write(tmp_path, added_tokens_decoder=decoder(257, "<x>"))
    ours = Tokenizer.from_dir(tmp_path)
    assert [ours.token_id(t) for t in ("<s>", "<x>", "<z>")] == [256, 257, 259]
    assert ours.encode_with_special("<x><z>") == [257, 259]
    assert ours.add_special_token("<step>") == 260
    ours.save(tmp_path / "again")
    again = Tokenizer.from_dir(tmp_path / "again")
    assert [again.token_id(t) for t in ("<x>", "<z>", "<step>")] == [257, 259, 260]


def test_a_token_added_to_a_vocabulary_with_gaps_gets_an_id_of_its_own():
    vocabulary = {"a": 0, "b": 1, "c": 3}
    ours = Tokenizer(tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [])))
    assert ours.add_special_token("<x>") == 4 and ours.token_id("c") == 3
    assert ours.add_special_token("<y>") == 5
    assert ours.encode_with_special("a<y>c<x>") == [0, 5, 3, 4]
    assert ours.encode("a<x>") == ours.encode("a")


def test_two_tokens_with_one_id_and_entries_that_are_no_tokens_are_refused(tmp_path):
    base(tmp_path, added=["<s>"])
    for values, message in (
        ({"added_tokens_decoder": decoder(256, "<x>")}, "'<x>' has the id 256 of '<s>'"),
        ({"added_tokens_decoder": {"257": {"special": True}}}, "is not a token"),
        ({"extra_special_tokens": [3]}, "extra_special_tokens.*3 is not a token"),
    ):
        write(tmp_path, **values)
        with pytest.raises(InputError, match=message):
            Tokenizer.from_dir(tmp_path)


@pytest.mark.parametrize(
    ("said", "template", "wanted"),
    [
        (None, None, False),
        (None, "<s> $A", True),
        (None, "$A", False),
        (False, "<s> $A", False),
        (True, None, True),
    ],
)
def test_every_convention_but_trls_starts_with_bos_as_the_files_say(
    said, template, wanted, tmp_path
):
    base(tmp_path, added=["<s>"], template=template)
    write(tmp_path, bos_token="<s>", add_bos_token=said)
    ours = Tokenizer.from_dir(tmp_path)
    ours.save(tmp_path / "again")
    for tokenizer in (ours, Tokenizer.from_dir(tmp_path / "again")):
        for name, starts in (("math_shepherd", wanted), ("last_token", wanted), ("trl", True)):
            encoded = encode(Trajectory("P", ("a",)), tokenizer, CONVENTIONS[name], 99)
            assert (encoded.tokens[0] == tokenizer.bos_id) == starts, name


def gguf_fields(**changes):
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    fields = {
        "general.architecture": "qwen2",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [*alphabet, "<s>"],
        "tokenizer.ggml.token_type": [1] * len(alphabet) + [3],
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.bos_token_id": len(alphabet),
    }
    return {**fields, **{f"tokenizer.ggml.{name}": value for name, value in changes.items()}}


@pytest.mark.parametrize(
    ("fields", "shepherd", "trl"),
    [
        (gguf_fields(add_bos_token=False), False, False),  # Qwen's tokenizers have no BOS
        (gguf_fields(add_bos_token=True), True, True),
        (gguf_fields(add_bos_token=False, pre="smollm"), False, True),
        (gguf_fields(pre="llama-bpe"), True, True),
        (gguf_fields(pre="gpt-2"), False, True),
    ],
)
def test_gguf_metadata_say_whether_a_text_starts_with_bos(fields, shepherd, trl):
    tokenizer = Tokenizer.from_gguf(fields)
    bos = fields["tokenizer.ggml.bos_token_id"]
    for name, starts in (("math_shepherd", shepherd), ("trl", trl)):
        encoded = encode(Trajectory("P", ("a",)), tokenizer, CONVENTIONS[name], 99)
        assert (encoded.tokens[0] == bos) == starts, name


def test_a_gguf_file_without_a_split_takes_its_architectures_or_is_refused():
    text = "a.\n\nb 12"
    named = Tokenizer.from_gguf(gguf_fields(pre="qwen2")).backend.pre_tokenizer
    for pre in ({}, {"pre": "default"}):
        ours = Tokenizer.from_gguf(gguf_fields(**pre)).backend.pre_tokenizer
        assert ours.pre_tokenize_str(text) == named.pre_tokenize_str(text)
    llama = gguf_fields() | {"general.architecture": "llama"}
    with pytest.raises(InputError, match="does not name its split, in which 'llama' models differ"):
        Tokenizer.from_gguf(llama)
    llama["tokenizer.ggml.tokens"] = [*llama["tokenizer.ggml.tokens"], "<|begin_of_text|>"]
    llama["tokenizer.ggml.tokens"] += ["<|eot_id|>", "<|end_of_text|>"]
    pieces = Tokenizer.from_gguf(llama).backend.pre_tokenizer.pre_tokenize_str("12345")
    assert [piece for piece, _ in pieces] == ["123", "45"]


def test_a_marker_that_is_added_but_not_special_is_text_inside_problems_and_steps(tmp_path):
    base(tmp_path, added=["<s>"])
    texts = ("<extra_0>", "<think>")
    write(tmp_path, added_tokens_decoder=decoder(257, *texts, special=False))
    ours = Tokenizer.from_dir(tmp_path)
    marked = convention({"name": "m", "marker": "existing_token", "marker_text": "<extra_0>"})
    encoded = encode(Trajectory("p<extra_0>", ("a<extra_0>b<think>", "c")), ours, marked, 99)
    marker, think = (ours.token_id(text) for text in texts)
    assert encoded.step_positions.tolist() == [
        i for i, token in enumerate(encoded.tokens) if token == marker
    ]
    assert (encoded.tokens == think).sum() == 1  # an ordinary token of the text
    assert ours.decode(encoded.tokens) == "p<extra_0>a<extra_0>b<think><extra_0>c<extra_0>"
