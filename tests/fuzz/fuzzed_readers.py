"""Every reader of files and lines from outside, each with whole inputs to damage.

A reader gets damaged input and answers or raises `InputError`, in one short line; nothing else.
"""

import contextlib
import dataclasses
import json
import random
import sys
import unittest.mock
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

for beside in ("formats", "text"):  # where the inputs of other tests are
    sys.path.append(str(Path(__file__).resolve().parents[1] / beside))

import mutations  # noqa: E402
from format_rows import ROWS  # noqa: E402
from word_tokenizer import CHAT, byte_tokenizer  # noqa: E402

from prm_jax import formats  # noqa: E402
from prm_jax.calibration.judged import read_judged  # noqa: E402
from prm_jax.calibration.sdm.options import checked, parse  # noqa: E402
from prm_jax.data.sources import parse_sources, read_problems, read_source  # noqa: E402
from prm_jax.errors import InputError  # noqa: E402
from prm_jax.evaluate.inputs import join_scores, join_stored_scores  # noqa: E402
from prm_jax.records import Rejects, Trajectory, Where  # noqa: E402
from prm_jax.report.threshold import find_threshold  # noqa: E402
from prm_jax.report.training_log import training_panels  # noqa: E402
from prm_jax.scoring.answers import answer_classes, same_answer  # noqa: E402
from prm_jax.scoring.expression import parse_scorer  # noqa: E402
from prm_jax.text.convention import CONVENTIONS, convention  # noqa: E402
from prm_jax.text.template_sandbox import render  # noqa: E402
from prm_jax.text.tokenizer import Tokenizer  # noqa: E402
from prm_jax.train import config as config_lib  # noqa: E402
from prm_jax.weights import hf_config, peft_adapter  # noqa: E402
from prm_jax.weights.gguf import GgufFile  # noqa: E402
from prm_jax.weights.safetensors_files import (  # noqa: E402
    INDEX,
    SINGLE,
    SafetensorsDirectory,
    save_tensors,
)

LONGEST = 2100  # characters of a message
OWN = [
    {"problem": "p", "steps": ["a", "b"], "labels": [1, 0], "id": "i", "first_error": 1},
    {"problem": "q", "steps": ["c"], "outcome": 1, "id": "j", "meta": {"scores": {"k": [0.5]}}},
]
LLAMA = dict(
    model_type="llama",
    architectures=["LlamaForCausalLM"],
    vocab_size=96,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    rope_theta=1e4,
    rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16),
    layer_types=["full_attention"] * 3,
    tie_word_embeddings=True,
)
GEMMA = LLAMA | dict(model_type="gemma3_text", head_dim=8, sliding_window=6)
GEMMA |= dict(query_pre_attn_scalar=12, rope_local_base_freq=1e4, rope_scaling=None)
MOE = LLAMA | dict(model_type="qwen3_moe", num_experts=8, num_experts_per_tok=2)
MOE |= dict(moe_intermediate_size=24, norm_topk_prob=True, decoder_sparse_step=1)
ADAPTER = dict(peft_type="LORA", r=2, lora_alpha=4, task_type="TOKEN_CLS", rank_pattern={"q": 2})
ADAPTER |= dict(alpha_pattern={}, use_rslora=False, init_lora_weights=True)
FACTORS = "base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight"
JUDGED = {"id": "i", "region": [0.5, 1], "admitted": [True, False], "prediction": [1, 0]}
LINES = (
    "discriminative",
    "temperature(discriminative, value=1.7)",
    'bidirectional(merge="probability")',
    'orm(ensemble(discriminative, model(path="other")))',
)
SOURCES = ("rows.jsonl", "rows.jsonl?weight=2,rows.jsonl?weight=1", "rows.jsonl?format=prm_jax")
SOURCES += ("rows.jsonl?exclude=rows.jsonl&exclude_near=0.7", "synthetic:arithmetic?n=2&seed=0")
ANSWERS = ("3", "1/2", r"\frac{1}{2}", "5 cm", "(1, 2]", "x = 5", "12:30 pm", "2x+1", "{1, 2}")
ANSWERS += (r"\sqrt{2}", "50%", "A", r"\begin{pmatrix}1\\2\end{pmatrix}", "3:4", "June 3")
OVERRIDES = ("--config.data.rows=4", "--config.optimizer.learning_rate=1e-4", "--config.seed=1")
OVERRIDES += ("--config.model.lora.targets=('a',)", "--config.data.shuffle=false")


NAMES = (
    *(f"row of {name}" for name in ROWS),
    *("rows of a file", "a document", "rows of Parquet", "scores", "cached scores"),
    *("scores of pools", "scores in rows", "meta of scores", "threshold", "judged rows"),
    *("metrics", "safetensors", "safetensors header", "index", "config.json"),
    *("adapter_config.json", "tokenizer.json", "tokenizer_config.json", "prm_jax.json", "GGUF"),
    *("a scorer", "a convention", "a convention's text", "sources", "hyperparameters"),
    *("overrides", "a run's config.json", "answers", "messages", "chat template"),
)


class Reader(NamedTuple):
    """A reader.

    Fields:
        damaged: (random) -> an input.
        read: takes it.
        share: of the inputs of a long run, in relation to the others.
    """

    damaged: Callable
    read: Callable
    share: float = 1.0


def readers(folder) -> dict[str, Reader]:
    """All readers by name, with a folder for their files."""
    folder = Path(folder)
    found = {}
    for name, row in ROWS.items():
        found[f"row of {name}"] = Reader(_of(mutations.value, row), _row_of(name), 3)
    found["rows of a file"] = Reader(_of(mutations.data, _jsonl(*OWN)), _file(folder, "a.jsonl"))
    document = json.dumps({"train": OWN}).encode()
    found["a document"] = Reader(_of(mutations.data, document), _file(folder, "a.json"))
    found["rows of Parquet"] = Reader(_of(mutations.value, OWN), _parquet(folder), 0.1)
    found |= _scores(folder / "scores")
    found |= _headers(folder)
    found["a scorer"] = Reader(_line_of(LINES, ["discriminative", "model"]), _scorer)
    known = [c.to_dict() for c in CONVENTIONS.values()]
    found["a convention"] = Reader(_one_of(mutations.value, known), lambda v: convention(_text(v)))
    found["a convention's text"] = Reader(_line_of(map(json.dumps, known)), convention)
    rows = folder / "rows.jsonl"
    rows.write_bytes(_jsonl(*OWN))
    sources = [line.replace("rows", str(rows.with_suffix(""))) for line in SOURCES]
    found["sources"] = Reader(_line_of(sources, ["weight=", "exclude="]), _sources)
    hyper = ['{"alpha": 0.9, "epochs": 2}', '{"ladder": 0.1}']
    found["hyperparameters"] = Reader(_line_of(hyper), lambda text: checked(parse(text)))
    found["overrides"] = Reader(_line_of(OVERRIDES, ["--config.", "model.head"]), _override, 0.1)
    record = config_lib.to_json(config_lib.default_config())
    found["a run's config.json"] = Reader(_of(mutations.value, record), _run_config, 0.1)
    found["answers"] = Reader(_pair, _answers, 0.3)
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    found["messages"] = Reader(_of(mutations.value, messages), lambda m: _render(CHAT, m))
    words = ["{% endfor %}", "{{ messages }}", "|tojson", "message.content"]
    found["chat template"] = Reader(_line_of([CHAT], words), lambda t: _render(t, messages), 0.3)
    return found


def attempt(reader: Reader, seed: int):
    """Gives a reader one damaged input; whether it answered.

    Raises:
        Exception: whatever the reader raised but `InputError`, or AssertionError for a message that
            is no short line.
    """
    damaged = reader.damaged(random.Random(seed))
    try:
        reader.read(damaged)
    except InputError as error:
        message = str(error)
        assert message and "\n" not in message and len(message) <= LONGEST, message
        return False
    return True


def _of(mutate, seed):
    return lambda random: mutate(random, seed)


def _one_of(mutate, seeds):
    return lambda random: mutate(random, random.choice(seeds))


def _line_of(seeds, words=()):
    seeds = list(seeds)
    return lambda random: mutations.line(random, random.choice(seeds), words)


def _text(value):
    return json.dumps(value)


def _jsonl(*rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _row_of(name):
    """Reads as rows of files are read, by the format's own reader and by what it looks like."""

    def read(row):
        where = Where("f.jsonl", 1)
        row = formats.plain(row, where)
        answered = []
        for format in (name, "auto"):
            with contextlib.suppress(InputError) if format == name else contextlib.nullcontext():
                found = formats.row_reader(format, "truncate")(row, where)
                assert all(isinstance(trajectory, Trajectory) for trajectory in found)
                answered += found
        for trajectory in answered:  # what was read can be read again
            back = Trajectory.from_dict(json.loads(json.dumps(trajectory.to_dict())), where)
            assert back.steps == trajectory.steps

    return read


def _file(folder, name):
    def read(raw):
        (folder / name).write_bytes(raw)
        rejects = Rejects(folder / "rejects.jsonl")
        try:
            formats.read(folder / name, skip_bad=rejects)
        finally:
            rejects.write()

    return read


def _parquet(folder):
    import pyarrow
    import pyarrow.parquet

    def read(rows):
        try:
            table = pyarrow.Table.from_pylist(rows)
            pyarrow.parquet.write_table(table, folder / "a.parquet")
        except Exception:  # no table has such rows
            return
        formats.read(folder / "a.parquet")

    return read


def _scores(folder):
    """Files that our own commands wrote and others may have changed."""
    folder.mkdir(exist_ok=True)
    trajectories = [Trajectory.from_dict(row, Where("i", n)) for n, row in enumerate(OWN)]
    lines = [{"id": "i", "step_scores": [0.5, 1.0]}, {"id": "j", "step_scores": None, "score": 2}]
    cached = {"i": [0.5, 0.5], "j": [1.0]}
    pools = [{"problem_id": "i", "candidate_index": 0, "step_scores": [0.5, 0.5]}]
    meta = {"rows": 2, "input_sha256": "a", "threshold": {"value": 0.5, "source": "s"}}
    log = [{"step": 1, "loss": 0.5, "validation/loss": 1}, {"step": 2, "loss": 0.25}]

    def write(name, rows):
        path = folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows) or "\n")
        return path

    def read_rows(name, read):
        return lambda rows: read(write(name, rows if isinstance(rows, list) else [rows]))

    def with_meta(value):
        write("s.jsonl", lines)
        write("s.jsonl.meta.json", [value])
        find_threshold(None, folder / "s.jsonl")
        join_scores(folder / "s.jsonl", trajectories, "a")

    def joined(path):
        join_scores(path, trajectories)

    def joined_pools(path):
        join_scores(path, [dataclasses.replace(trajectories[0], id="i/0")])

    def stored(rows):
        made = [Trajectory("p", ("a",), id="i", meta={"k": row, "scores": row}) for row in rows]
        join_stored_scores("k", made, "f")

    def threshold(value):
        find_threshold(str(write("t.json", [value])), folder / "s.jsonl")

    def of(seed):
        return _of(mutations.value, seed)

    return {
        "scores": Reader(of(lines), read_rows("l.jsonl", joined)),
        "cached scores": Reader(of([cached]), read_rows("c.json", joined)),
        "scores of pools": Reader(of(pools), read_rows("p.jsonl", joined_pools)),
        "scores in rows": Reader(
            of([[0.5], 1.0]), lambda v: stored(v if v and isinstance(v, list) else [v])
        ),
        "meta of scores": Reader(of(meta), with_meta),
        "threshold": Reader(of({"threshold": {"value": 0.5}}), threshold),
        "judged rows": Reader(of([JUDGED]), read_rows("j.jsonl", read_judged)),
        "metrics": Reader(of(log), read_rows("m.jsonl", training_panels)),
    }


def _headers(folder):
    """What a model's directory or file says of it."""
    weights, adapter = folder / "weights", folder / "adapter"
    for made in (weights, adapter):
        made.mkdir(exist_ok=True)
    save_tensors(weights / SINGLE, {"a": np.ones((2, 3), np.float32), "b": np.ones(2)})
    whole = (weights / SINGLE).read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header, body = json.loads(whole[8 : 8 + size]), whole[8 + size :]
    (weights / "part.safetensors").write_bytes(whole)
    factors = {FACTORS.format(name): np.ones((2, 2), np.float32) for name in "AB"}
    save_tensors(adapter / peft_adapter.WEIGHTS, factors)
    tokenizer = byte_tokenizer()
    tokenizer.save(weights)
    tokenizer_json, settings = (
        json.loads((weights / name).read_text())
        for name in ("tokenizer.json", "tokenizer_config.json")
    )
    settings |= {"added_tokens_decoder": {"256": {"content": "<s>", "special": True}}}
    settings |= {"extra_special_tokens": ["<t>"], "pad_token": {"content": "<p>"}}

    def tensors(raw):
        (weights / SINGLE).write_bytes(raw)
        found = SafetensorsDirectory(weights, name=SINGLE)
        for key in found.shapes:
            if all(found.shapes[key]):
                found.read(key, ...)

    def header_of(value):
        text = json.dumps(value).encode()
        tensors(len(text).to_bytes(8, "little") + text + body)

    def index(value):
        (weights / INDEX).write_text(json.dumps(value))
        SafetensorsDirectory(weights, name=INDEX)

    def in_directory(name, rest):
        def read(value):
            for other, whole in rest.items():
                (weights / other).write_text(json.dumps(whole))
            (weights / name).write_text(json.dumps(value))
            Tokenizer.from_dir(weights)

        return read

    def adapted(value):
        (adapter / peft_adapter.CONFIG).write_text(json.dumps(value))
        base = SafetensorsDirectory(folder / "base")
        peft_adapter.AdaptedSource(adapter, base, False)

    (folder / "base").mkdir(exist_ok=True)
    q = {"model.layers.0.self_attn.q_proj.weight": np.ones((2, 2), np.float32)}
    save_tensors(folder / "base" / SINGLE, q)
    tokens, plain = {"tokenizer.json": tokenizer_json}, {"tokenizer_config.json": {}}
    record = {"convention": CONVENTIONS["qwen"].to_dict(), "threshold": {"value": 0.5}}

    def of(seed):
        return _of(mutations.value, seed)

    def config(values):
        if isinstance(values, dict):
            hf_config.read_config(values, "config.json")

    weight_map = {"weight_map": {"a": "part.safetensors", "b": "part.safetensors"}}
    return {
        "safetensors": Reader(_of(mutations.data, whole), tensors),
        "safetensors header": Reader(of(header), header_of),
        "index": Reader(of(weight_map), index),
        "config.json": Reader(_one_of(mutations.value, [LLAMA, GEMMA, MOE]), config, 3),
        "adapter_config.json": Reader(of(ADAPTER), adapted),
        "tokenizer.json": Reader(of(tokenizer_json), in_directory("tokenizer.json", plain), 0.2),
        "tokenizer_config.json": Reader(
            of(settings), in_directory("tokenizer_config.json", tokens), 0.2
        ),
        "prm_jax.json": Reader(of(record), in_directory("prm_jax.json", tokens | plain), 0.2),
        "GGUF": Reader(_of(mutations.data, _gguf(folder / "w.gguf")), _gguf_reader(folder), 0.3),
    }


def _gguf(path):
    """The bytes of a tiny GGUF file."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    for add, number in (
        (writer.add_block_count, 1),
        (writer.add_context_length, 8),
        (writer.add_embedding_length, 4),
        (writer.add_feed_forward_length, 4),
        (writer.add_head_count, 2),
        (writer.add_head_count_kv, 2),
        (writer.add_layer_norm_rms_eps, 1e-5),
    ):
        add(number)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "a", "b", "ab"])
    writer.add_token_scores([0.0, 0.0, -1.0, -1.0, -2.0])
    writer.add_token_types([2, 3, 1, 1, 1])
    writer.add_tensor("token_embd.weight", np.ones((5, 4), np.float32))
    writer.add_tensor("output_norm.weight", np.ones(4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(path).read_bytes()


def _gguf_reader(folder):
    def read(raw):
        path = folder / "m.gguf"
        path.write_bytes(raw)
        file = GgufFile(path)
        Tokenizer.from_gguf(file.fields).encode("ab")
        for name, shape in file.shapes.items():
            if shape:  # of models' tensors all have one
                file.read(name, tuple(slice(0, 1) for _ in shape))

    return read


def _scorer(line):
    parse_scorer(line, lambda path: (None, {}, None))


def _sources(line):
    for source in parse_sources(line):
        if not source.synthetic:
            read_source(source, Rejects(""))
            read_problems(source.name)


def _override(text):
    """One flag, as commands take it: `cli.run` says in a line what flags raise."""
    from absl import flags
    from ml_collections import config_flags

    values, given = flags.FlagValues(), ["train", text, "--config.data.train=rows.jsonl"]
    config_flags.DEFINE_config_dict("config", config_lib.default_config(), flag_values=values)
    try:
        with unittest.mock.patch.object(sys, "argv", given):  # where ml_collections looks
            values(given)
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(str(error)[:LONGEST]) from error
    config_lib.check(values["config"].value)


def _run_config(value):
    if isinstance(value, dict):
        config_lib.check(config_lib.from_json(value, "config.json"))


def _pair(random):
    first = mutations.line(random, random.choice(ANSWERS))
    return first, random.choice((first + " ", mutations.line(random, random.choice(ANSWERS))))


def _answers(pair):
    first, second = pair
    assert same_answer(first, second) == same_answer(second, first)
    kept = [number for number in answer_classes([first, first, second])][:2]
    assert kept[0] == kept[1]


def _render(template, messages):
    render(template, {"bos_token": "<s>"}, messages)
