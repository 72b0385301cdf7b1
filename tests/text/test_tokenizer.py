"""Tokenizers from directories and from GGUF metadata."""

import json

import pytest
import tokenizers
from tokenizers import AddedToken
from word_tokenizer import byte_tokenizer, piece_tokenizer

from prm_jax.errors import InputError
from prm_jax.text import CONVENTIONS, Tokenizer
from prm_jax.text.chat import template_pieces

TEXTS = (
    "Hello, world",
    "x = 12345\n\n",
    "été — naïve",
    "\tdef f(x):\n    return x",
    "<s> <extra_0>",
)


def test_text_never_becomes_a_special_token():
    tokenizer = byte_tokenizer()
    special = tokenizer.token_id("<extra_0>")
    assert special not in tokenizer.encode("a<extra_0>b")
    assert special in tokenizer.encode_with_special("a<extra_0>b")
    assert tokenizer.decode(tokenizer.encode("a<extra_0>b")) == "a<extra_0>b"


def test_saving_and_reading_gives_the_same_ids_template_and_specials(tmp_path):
    tokenizer = byte_tokenizer()
    tokenizer.add_special_token("<step>")
    tokenizer.save(tmp_path)
    (tmp_path / "prm_jax.json").write_text(
        json.dumps({"convention": CONVENTIONS["qwen"].to_dict()})
    )
    again = Tokenizer.from_dir(tmp_path)
    for text in TEXTS:
        assert again.encode(text) == tokenizer.encode(text)
        assert again.encode_with_special(text) == tokenizer.encode_with_special(text)
    assert again.token_id("<step>") == tokenizer.token_id("<step>") == again.vocab_size - 1
    assert (again.bos_id, again.eos_id) == (tokenizer.bos_id, tokenizer.eos_id)
    assert again.chat_template == tokenizer.chat_template
    assert again.convention == CONVENTIONS["qwen"]


def test_transformers_reads_a_saved_tokenizer_to_the_same_ids(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = byte_tokenizer()
    tokenizer.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    for text in TEXTS[:-1]:
        assert theirs.encode(text, add_special_tokens=False) == tokenizer.encode(text)
    assert theirs.bos_token_id == tokenizer.bos_id


def test_a_missing_or_broken_tokenizer_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no tokenizer.json"):
        Tokenizer.from_dir(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="tokenizer.json:1: is not JSON"):
        Tokenizer.from_dir(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="not a tokenizer"):
        Tokenizer.from_dir(tmp_path)


def gguf_fields(**changes):
    """Metadata of a byte-level tokenizer with one merge and one control token."""
    tokens = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()) + ["ab", "<|end|>"]
    fields = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * (len(tokens) - 1) + [3],
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": len(tokens) - 1,
    }
    return {**fields, **changes}


def test_gguf_byte_level_tokenizer_merges_and_keeps_control_tokens_apart():
    tokenizer = Tokenizer.from_gguf(gguf_fields())
    assert tokenizer.encode("abab") == [tokenizer.token_id("ab")] * 2
    assert tokenizer.eos_id not in tokenizer.encode("<|end|>")
    assert tokenizer.encode_with_special("<|end|>") == [tokenizer.eos_id]
    assert not tokenizer.add_bos


def test_gguf_tokenizers_of_other_kinds_are_refused():
    with pytest.raises(InputError, match="wordpiece"):
        Tokenizer.from_gguf(gguf_fields(**{"tokenizer.ggml.model": "wordpiece"}))
    with pytest.raises(InputError, match="kimi-k2.*Hugging Face directory.*supported are"):
        Tokenizer.from_gguf(gguf_fields(**{"tokenizer.ggml.pre": "kimi-k2"}))


def test_gguf_metadata_without_tokens_or_merges_are_an_input_error():
    for name in ("tokens", "merges"):
        fields = gguf_fields()
        del fields[f"tokenizer.ggml.{name}"]
        with pytest.raises(InputError, match=name):
            Tokenizer.from_gguf(fields)


def test_gguf_sentencepiece_tokenizer_follows_scores_and_falls_back_to_bytes():
    words = {"▁": -10, "a": -11, "b": -12, "c": -13, "ab": -2, "bc": -1, "▁ab": -3}
    tokenizer = piece_tokenizer(words)
    named = {piece: tokenizer.token_id(piece) for piece in words}
    named |= {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    assert tokenizer.encode("ab") == [named["▁ab"]]
    # 'bc' has the best score, so it is merged before 'ab'.
    assert tokenizer.encode("abc") == [named["▁"], named["a"], named["bc"]]
    euro = [named[f"<0x{byte:02X}>"] for byte in "€".encode()]
    assert tokenizer.encode("a€")[-3:] == euro
    assert tokenizer.decode(tokenizer.encode("ab €")) == "ab €"
    assert tokenizer.add_bos and tokenizer.bos_id == 1


def test_a_continuation_has_no_blank_of_its_own(tmp_path):
    tokenizer = piece_tokenizer()
    assert tokenizer.encode("a") == [tokenizer.token_id("▁a")]
    assert tokenizer.encode_continuation("a") == [tokenizer.token_id("a")]
    assert tokenizer.encode_continuation(" a") == tokenizer.encode("a")
    marker = tokenizer.add_special_token("<step>")
    assert marker not in tokenizer.encode_continuation("<step>")
    bytes_ = byte_tokenizer()
    assert bytes_.encode_continuation("a <s>") == bytes_.encode("a <s>")


def test_templates_that_print_the_date_do_not_depend_on_the_day():
    template = "{{ strftime_now('%d %b %Y') }}{{ messages[0]['content'] }}"
    texts, _ = template_pieces(
        byte_tokenizer(chat_template=template), [{"role": "user", "content": "x"}]
    )
    assert texts[0] == "26 Jul 2024"


def test_template_pieces_follow_a_template_that_strips_contents():
    template = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] | trim }}{% endfor %}!"
    tokenizer = byte_tokenizer(chat_template=template)
    texts, contents = template_pieces(tokenizer, [{"role": "user", "content": "  hi \n"}])
    assert texts == ["[user]", "!"] and contents == ["hi"]


def test_template_pieces_refuse_a_template_that_drops_a_message():
    tokenizer = byte_tokenizer(chat_template="{{ messages[-1]['content'] }}")
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    with pytest.raises(InputError, match="system message"):
        template_pieces(tokenizer, messages)
    with pytest.raises(InputError, match="no chat template"):
        template_pieces(byte_tokenizer(chat_template=None), messages)


def test_added_tokens_that_are_not_special_survive_saving(tmp_path):
    tokenizer = byte_tokenizer()
    tokenizer.backend.add_tokens([AddedToken("zz", special=False)])
    tokenizer.save(tmp_path)
    assert Tokenizer.from_dir(tmp_path).encode("zz") == tokenizer.encode("zz")


@pytest.mark.parametrize("index", [-1, 10**6, None, [1]])
def test_a_number_that_is_no_id_has_no_text(index):
    assert byte_tokenizer().text_of(index) is None


def test_a_library_that_gives_up_is_one_line_and_ctrl_c_stays_itself(monkeypatch):
    class PanicException(BaseException):  # as the library's, which is no Exception either
        pass

    raised = {"panic": PanicException, "error": Exception, "stop": KeyboardInterrupt}

    class Backend:
        def encode(self, text, add_special_tokens):
            raise raised[text](text)

    tokenizer = byte_tokenizer()
    monkeypatch.setattr(tokenizer, "backend", Backend())
    for text in ("panic", "error"):
        with pytest.raises(InputError, match=f"cannot take a text apart: {text}"):
            tokenizer.encode(text)
    with pytest.raises(KeyboardInterrupt):
        tokenizer.encode("stop")
