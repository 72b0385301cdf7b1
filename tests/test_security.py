"""The promises of docs/security.md: each names a test; here are those without another place."""

import ast
import json
import re
import shutil
import sys
import types
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "weights"))

import tiny_models as tiny  # noqa: E402

from prm_jax import load_model  # noqa: E402
from prm_jax.errors import InputError  # noqa: E402
from prm_jax.scoring.answers import same_answer  # noqa: E402
from prm_jax.scoring.expression import parse_scorer  # noqa: E402
from prm_jax.weights import artifacts, export  # noqa: E402

ROOT = Path(__file__).parents[1]
FORBIDDEN = re.compile(
    r"(?:c?pickle|dill|cloudpickle|joblib|marshal|shelve)(?:\..*)?|builtins\.(?:eval|exec)|eval|exec|__import__"
    r"|os\.(?:system|popen)|torch\.load|yaml\.(?:load|unsafe_load)"
)
"""What runs what it reads."""
SEEN = re.compile(
    r"pickle|dill|joblib|marshal|shelve|\beval\b|\bexec\b|__import__|os\.(?:system|popen)"
    r"|torch\.load|yaml|trust_remote_code|shell=True"
)
"""Files without any of these are not parsed."""


def test_every_promise_names_a_test_that_is_there():
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    sections = text.split("\n## ")
    promises = [line for part in sections[1:-1] for line in part.splitlines() if line[:2] == "- "]
    assert len(promises) > 25 and sections[-1].startswith("What is not promised")
    for promise in promises:
        (named,) = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`$", promise) or [("", promise)]
        assert f"\ndef {named[1]}(" in (ROOT / named[0]).read_text("utf-8"), promise


def names_of(tree):
    """The dotted names that a module imports and calls, and its keyword arguments that are True."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = getattr(node, "module", None)
            yield from [base] if base else [alias.name for alias in node.names]
        elif isinstance(node, ast.Call):
            yield ast.unparse(node.func)
            for word in node.keywords:
                if isinstance(word.value, ast.Constant) and word.value.value is True:
                    yield f"{word.arg}=True"


def test_no_module_unpickles_or_evaluates():
    files = [f for d in ("prm_jax", "experiments", "third_party") for f in (ROOT / d).rglob("*.py")]
    assert len(files) > 300
    unsafe = {"allow_pickle=True", "trust_remote_code=True", "shell=True"}
    for file in files:
        text = file.read_text("utf-8")
        found = set(names_of(ast.parse(text))) if SEEN.search(text) else set()
        bad = found & unsafe | {name for name in found if FORBIDDEN.fullmatch(name)}
        # A configuration that ends in .py is run.
        runs = {"exec"} if file == ROOT / "prm_jax" / "config_files.py" else set()
        assert bad == runs, f"{file}: {bad}"
    sample = set(names_of(ast.parse("import pickle\nnp.load(x, allow_pickle=True)\neval(x)")))
    assert sample & unsafe and [n for n in sorted(sample) if FORBIDDEN.fullmatch(n)] == [
        "eval",
        "pickle",
    ]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    directory = tmp_path_factory.mktemp("security") / "model"
    export(directory, *tiny.model("qwen2"), tiny.tokenizer())
    return directory


@pytest.fixture
def model(exported, tmp_path):
    """A directory of a tiny model, to be changed."""
    return Path(shutil.copytree(exported, tmp_path / "model"))


def test_pickled_weights_are_refused_by_name(model, tmp_path):
    for ending in (".pt", ".bin", ".pkl", ".npz"):
        file = tmp_path / f"model{ending}"
        file.write_bytes(b"")
        with pytest.raises(InputError, match=f"model{ending}.*neither a directory nor a .gguf"):
            load_model(file)
    (model / "value_head.bin").write_bytes(b"")
    with pytest.raises(InputError, match="value_head.bin.*pickle format"):
        load_model(model)
    (model / "value_head.bin").unlink()
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(InputError, match="only in PyTorch's pickle format"):
        load_model(model)


def test_code_beside_a_model_is_not_run(model, tmp_path):
    names = ("configuration_x", "modeling_x", "tokenization_x", "__init__")
    for name in names:
        (model / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    for file, classes in {
        "config.json": {"AutoConfig": "configuration_x.X", "AutoModel": "modeling_x.X"},
        "tokenizer_config.json": {"AutoTokenizer": ["tokenization_x.X", None]},
    }.items():
        values = json.loads((model / file).read_text())
        values |= {"auto_map": classes, "trust_remote_code": True}
        (model / file).write_text(json.dumps(values))
    load_model(model)
    assert not (tmp_path / "ran").exists() and not set(names[:3]) & set(sys.modules)


def test_only_data_is_fetched_from_the_hub(monkeypatch, tmp_path):
    asked = []

    def download(repository, revision, allow_patterns, local_files_only=False):
        asked.append((repository, revision, *allow_patterns))
        raise OSError

    hub = types.ModuleType("huggingface_hub")
    hub.snapshot_download = download
    hub.constants = types.SimpleNamespace(HF_HUB_OFFLINE=False)
    hub.hf_hub_url = lambda *_, **__: ""
    hub.get_hf_file_metadata = lambda *_, **__: None
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    commit = "0" * 40
    assert artifacts.hub_directory("owner/name", commit) is None
    data = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model")
    assert asked == [("owner/name", commit, *data)] * 2


def test_answers_and_scorers_are_not_evaluated(tmp_path):
    ran = tmp_path / "ran"
    code = f"__import__('pathlib').Path('{ran}').touch()"
    assert not same_answer(code, f"{code}+0*x") and not same_answer(f"x*{code}", f"{code}*y")
    for line in (code, f"temperature({code})", f"temperature(discriminative, value={code})"):
        with pytest.raises(InputError):
            parse_scorer(line, lambda path: pytest.fail(f"loaded {path}"))
    assert not ran.exists()


@pytest.mark.parametrize(
    "file", ["config.json", "tokenizer.json", "tokenizer_config.json", "prm_jax.json"]
)
def test_a_models_files_nested_too_deeply_are_refused(file, model):
    (model / file).write_text('{"a":' * 20_000)
    with pytest.raises(InputError, match=re.escape(file)) as raised:
        load_model(model)
    assert len(str(raised.value)) < 1000
