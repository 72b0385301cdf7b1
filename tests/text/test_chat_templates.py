"""Chat templates as people publish them, against transformers, and what is refused."""

import os
import subprocess
import sys
import time

import pytest
from tokenizers import pre_tokenizers
from word_tokenizer import byte_tokenizer, piece_tokenizer

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.text import CONVENTIONS, Tokenizer, convention, encode, template_sandbox
from prm_jax.text.chat import template_pieces
from prm_jax.text.template_sandbox import render

USER = {"role": "user", "content": "1 + 1?"}
ASSISTANT = {"role": "assistant", "content": "It is 2."}
TURN = "<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n"
LOOP = "{% for m in messages %}" + TURN + "{% endfor %}"
TEMPLATES = {
    "generation": "{% for m in messages %}{% if m.role == 'assistant' %}<|start|>assistant\n"
    "{% generation %}{{ m.content }}<|end|>{% endgeneration %}\n{% else %}"
    + TURN
    + "{% endif %}{% endfor %}",
    "generation_trimmed": "{%- for m in messages -%}{%- generation -%}  {{ m.content }}\n"
    "{%- endgeneration -%}{%- endfor -%}",
    "tools": "{% if tools is not none %}tools{% endif %}{% if documents is not none %}d{% endif %}"
    "{% if tools is defined and documents is defined %}!{% endif %}" + LOOP,
    "kwargs": "{% if enable_thinking is defined and enable_thinking is false %}no{% endif %}"
    "{% if add_generation_prompt %}p{% endif %}{% if xml_tools or custom %}x{% endif %}" + LOOP,
    "specials": "{{ bos_token }}{{ eos_token }}" + LOOP,
    "date": "{{ strftime_now('%Y')[:2] }}" + LOOP,
    "loopcontrols": "{% for m in messages %}{% if m.role == 'tool' %}{% continue %}{% endif %}"
    + TURN
    + "{% if loop.last %}{% break %}{% endif %}{% endfor %}",
    "tojson": "{{ {'b': 1, 'a': 'é<'} | tojson(indent=2, sort_keys=true, separators=(',', ':')) }}"
    + LOOP,
    "joins": "{% set ns = namespace(text='') %}{% for m in messages %}{% set ns.text = ns.text ~ "
    "'<|start|>' ~ m.role + '\n' ~ m['content'] ~ '<|end|>' %}{% endfor %}{{ ns.text }}",
    "macro": "{% macro turn(m) %}" + TURN + "{% endmacro %}"
    "{% for m in messages %}{{ turn(m) }}{% endfor %}",
    "default_system": "{% if messages[0].role != 'system' %}<|start|>system\nBe kind.<|end|>\n"
    "{% endif %}" + LOOP,
    "last_turn_thinks": "{% for m in messages %}<|start|>{{ m.role }}\n{% if loop.last %}"
    "<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|end|>\n{% endfor %}",
    "trim": LOOP.replace("m.content", "m.content | trim"),
    "newlines": LOOP.replace("m.content", "m.content.strip('\n')"),
    "leading_newlines": LOOP.replace("m.content", "m.content.lstrip('\n')"),
    "string_only": LOOP.replace("m.content", "(m.content if m.content is string else '')"),
}


def theirs(template, messages):
    from transformers.utils.chat_template_utils import render_jinja_template

    tokenizer = byte_tokenizer()
    rendered, _ = render_jinja_template([messages], chat_template=template, **tokenizer.special)
    return rendered[0]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_prints_what_it_prints_in_transformers(name):
    pytest.importorskip("transformers")
    tokenizer = byte_tokenizer(chat_template=TEMPLATES[name])
    for first in ("1 + 1?", "  so:\n", "\n\na ", " \n b \n "):
        messages = [{"role": "user", "content": first}, ASSISTANT, USER, ASSISTANT]
        texts, contents = template_pieces(tokenizer, messages)
        together = "".join(a + b for a, b in zip(texts, [*contents, ""]))
        assert together == theirs(TEMPLATES[name], messages)


def test_steps_stay_as_they_are_where_a_template_cuts_reasoning_out():
    template = LOOP.replace("m.content", "m.content.split('</think>')[-1].lstrip('\n')")
    step = "<think>hm</think>\n\nIt is 2."
    messages = [USER, {"role": "assistant", "content": step}]
    _, contents = template_pieces(byte_tokenizer(chat_template=template), messages)
    assert contents[1] == step
    encoded = encode(
        Trajectory("p", (step,)),
        byte_tokenizer(chat_template=template),
        CONVENTIONS["qwen"],
        999,
    )
    assert step in byte_tokenizer().decode(encoded.tokens)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('no system role') }}", "no system role; set the convention's system"),
        ("{% generation %}{{ messages }}", "chat template fails"),
        ("{{ messages[0].content }}{{ nothing.here }}", "'nothing' is undefined"),
        ("{{ messages[0].content | tojson }}", "as JSON"),
        ("{{ messages[0].content }}{{ messages[0].content }}", "exactly once"),
        ("{{ messages[0].content | upper }}", "exactly once"),
        ("{{ messages.append(1) }}", "chat template fails"),
        ("{{ ''.__class__.__mro__ }}", "chat template fails"),
        ("{{ messages[0].content }}<|user|>", "'<|user|>', which is no token.*plain_markers"),
        ("{{ messages[0].content }}<end_of_turn>", "'<end_of_turn>', which is no token"),
        ("{{ messages[0].content }}<｜User｜>", "'<｜User｜>', which is no token"),
    ],
)
def test_what_cannot_be_rendered_is_one_line(template, message):
    message = message.replace("|", r"\|")
    with pytest.raises(InputError, match=message) as error:
        template_pieces(byte_tokenizer(chat_template=template), [USER])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 10 ** 100000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'a'.center(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 'a' | indent(1000000000, true) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ ('a' * 10000).replace('a', 'a' * 10000) }}",
        "{{ ('a' * 10000) | replace('a', 'a' * 10000) }}",
        "{% set n = namespace(t='a') %}{% for _ in range(64) %}{% set n.t=n.t~n.t %}{% endfor %}",
        "{% set n = namespace(t='a') %}{% for _ in range(64) %}{% set n.t=n.t+n.t %}{% endfor %}",
        "{% for i in range(100000) %}{{ 'a' * 1000 }}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    ],
)
def test_a_template_cannot_fill_the_memory(template):
    start = time.monotonic()
    with pytest.raises(InputError, match="larger than 1,000,000|recursion|Range too big"):
        template_pieces(byte_tokenizer(chat_template=template), [USER])
    assert time.monotonic() - start < 5


def test_a_template_that_takes_long_is_ended_and_the_next_one_is_rendered(monkeypatch):
    slow = "{% for i in range(9000) %}{% for j in range(9000) %}{% endfor %}{% endfor %}"
    render("ready", {}, [])
    monkeypatch.setattr(template_sandbox, "TIMEOUT_S", 0.2)
    start = time.monotonic()
    with pytest.raises(InputError, match="takes longer than 0.2 seconds"):
        render(slow, {}, [])
    assert time.monotonic() - start < 2
    monkeypatch.undo()
    assert render("{{ messages[0].content }}", {}, [USER]) == USER["content"]


def test_templates_are_rendered_apart_from_this_process_in_one_that_loads_little():
    seen = render("{{ messages[0].content }}", {}, [USER])
    assert seen == USER["content"]
    process = template_sandbox._CHILD._process
    assert process.pid != os.getpid()
    render("{{ 1 }}", {}, [USER])
    assert template_sandbox._CHILD._process is process  # kept from one request to the next
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-P", "-c", code, str(template_sandbox.WORKER)]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "jinja2" in modules and not {"jax", "numpy", "prm_jax"} & set(modules)


@pytest.mark.parametrize(
    "content",
    [
        "m.content.split('</think>')[-1].lstrip('\n')",
        "('<think>\n' + m.content.split('</think>')[0].split('<think>')[-1].strip('\n')"
        " + '\n</think>\n\n' + m.content.split('</think>')[-1].lstrip('\n')"
        " if '</think>' in m.content else m.content)",
    ],
)
def test_a_whole_solution_is_what_the_template_makes_of_it(content):
    pytest.importorskip("transformers")
    tokenizer = byte_tokenizer(chat_template=LOOP.replace("m.content", content))
    for solution in ("<think>\nhm\n</think>\nIt is 2.", "It is 2."):
        encoded = encode(Trajectory("p", (solution,)), tokenizer, CONVENTIONS["outcome"], 999)
        messages = [{"role": "user", "content": "p"}, {"role": "assistant", "content": solution}]
        assert tokenizer.decode(encoded.tokens) == theirs(tokenizer.chat_template, messages)
        assert encoded.step_positions.tolist() == [len(encoded.tokens) - 1]
        start = encoded.step_starts[0]
        assert tokenizer.decode(encoded.tokens[:start]).startswith("<|start|>user\np<|end|>\n")


def test_markers_that_a_model_was_trained_with_as_text_are_a_field_of_the_convention():
    template = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}\n{% endfor %}"
    tokenizer = byte_tokenizer(chat_template=template)
    trajectory = Trajectory("p", ("a",))
    with pytest.raises(InputError, match="<|user|>"):
        encode(trajectory, tokenizer, CONVENTIONS["rlhflow"], 99)
    plain = convention('{"name": "rlhflow", "plain_markers": true}')
    encoded = encode(trajectory, tokenizer, plain, 99)
    assert tokenizer.decode(encoded.tokens) == "<|user|>\np a\n<|assistant|>\n+\n"


def test_text_after_contents_has_no_blank_of_its_own_under_sentencepiece():
    tokenizer = piece_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }} a{% endfor %}"
    texts, contents = template_pieces(tokenizer, [{"role": "user", "content": "W"}])
    assert texts == ["", " a"]
    whole = tokenizer.encode("W a")
    going_on = tokenizer.encode_with_special(" a", continued=True)
    assert tokenizer.encode(contents[0]) + going_on == whole
    marked = tokenizer.encode_with_special(" a</s>W", continued=True)
    assert marked == going_on + [2] + tokenizer.encode("W")


def test_named_templates_and_their_files_are_taken_as_transformers_takes_them(tmp_path):
    named = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = None
    tokenizer.config["chat_template"] = named
    tokenizer.save(tmp_path)
    config = (tmp_path / "tokenizer_config.json").read_text().rstrip("}\n ")
    listed = '[{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]'
    (tmp_path / "tokenizer_config.json").write_text(config + f', "chat_template": {listed}' + "}")
    assert Tokenizer.from_dir(tmp_path).chat_template == "d"
    (tmp_path / "chat_template.json").write_text('{"chat_template": "processor"}')
    assert Tokenizer.from_dir(tmp_path).chat_template == "d"
    (tmp_path / "chat_template.jinja").write_text("file")
    assert Tokenizer.from_dir(tmp_path).chat_template == "file"


@pytest.mark.parametrize("template", ["<|start|>{c}<|end|>", "<|start|>q\n{c}<|end|>"])
def test_contents_and_steps_after_a_token_begin_anew_as_in_transformers(template):
    pieces = piece_tokenizer()
    for mark in ("<|start|>", "<|end|>", "<extra_0>"):
        pieces.add_special_token(mark)
    source = template.replace("{c}", "{{ m.content }}")
    pieces.chat_template = "{% for m in messages %}" + source + "{% endfor %}"
    fields = {"name": "qwen", "system": None}
    encoded = encode(Trajectory("Why", ("Step", "a b")), pieces, convention(fields), 999)
    text = template.replace("{c}", "Why") + template.replace("{c}", "Step<extra_0>a b<extra_0>")
    assert encoded.tokens.tolist() == pieces.encode_with_special(text)


def test_a_blank_before_the_first_text_only_is_not_put_after_a_token():
    pieces = piece_tokenizer()
    pieces.add_special_token("<x>")
    for scheme, blank in (("first", []), ("always", [pieces.token_id("▁a")])):
        pieces.backend.normalizer = None
        pieces.backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
        fresh = Tokenizer(pieces.backend)
        mark = fresh.token_id("<x>")
        whole = fresh.encode_with_special("<x>a")
        assert [mark, *fresh.encode_after([mark], "a")] == whole
        assert (whole[1:] == blank) == (scheme == "always")
