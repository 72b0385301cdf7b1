"""`--config`: what is run, what is read as data, and what is refused in one line."""

import importlib
import json
import math
from pathlib import Path

import pytest
from ml_collections import ConfigDict

import prm_jax.calibration.select_config
import prm_jax.demo_config
import prm_jax.reproduce.config
import prm_jax.study.config
import prm_jax.train.added_layers
from prm_jax import config_files
from prm_jax.errors import InputError
from prm_jax.reproduce.studies import STUDIES
from prm_jax.train import config as train_config
from prm_jax.train import mixture, uncertainty

ROOT = Path(__file__).parents[1]
KINDS = {
    "train": (train_config.default_config, train_config.check, ()),
    "train_mixture": (mixture.default_config, prm_jax.train.added_layers.check, ()),
    "train_uncertainty_head": (uncertainty.default_config, prm_jax.train.added_layers.check, ()),
    "study": (prm_jax.study.config.default_config, prm_jax.study.config.check, ("files",)),
    "demo": (prm_jax.demo_config.default_config, prm_jax.demo_config.check, ("problems.kinds",)),
}
OWN = {
    "train": ["tiny", "smollm2_135m_prm", "objectives", "dreamprm"],
    "train_mixture": ["dmoerm"],
    "train_uncertainty_head": ["uncertainty_head"],
    "study": ["smollm2_135m_mix"],
    "demo": ["demo"],
}
CONFIGS = [(kind, name) for kind, names in OWN.items() for name in names]
ODD = (math.nan, math.inf, -1e308, 1e308, 10**18, -(10**18))


def own(kind, name):
    default, _, open = KINDS[kind]
    return config_files.read(str(ROOT / "configs" / f"{name}.py"), default(), open)


def of_study(name, size="full"):
    return config_files.read(str(ROOT / "configs" / "reproduce" / f"{name}.py") + f":{size}")


def numbers(config):
    for key, value in config_files.flatten(config).items():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, int | float) and not isinstance(one, bool):
                yield key, value


def refused(argument, reference=None, open=()):
    with pytest.raises(InputError) as error:
        config_files.read(str(argument), reference, open)
    said = str(error.value)
    assert "\n" not in said and "Traceback" not in said
    return said


def written(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(("kind", "name"), CONFIGS)
def test_an_odd_value_of_any_number_is_refused_with_its_key(kind, name):
    config, check = own(kind, name), KINDS[kind][1]
    if kind == "train":
        config.data.train = "some.jsonl"
    check(config)
    _refuses_odd_numbers(config, check)


@pytest.mark.parametrize("name", STUDIES)
def test_the_same_of_studies_in_either_size(name):
    for size in ("full", "smoke"):
        config = of_study(name, size)
        prm_jax.reproduce.config.check(config)
        _refuses_odd_numbers(config, prm_jax.reproduce.config.check)


def _refuses_odd_numbers(config, check):
    flat = dict(numbers(config))
    assert flat or "sources" in config
    changed = config.copy_and_resolve_references()
    with changed.ignore_type(), changed.unlocked():
        for key, value in flat.items():
            for odd in ODD:
                new = (odd,) if isinstance(value, tuple) else odd
                changed.update_from_flattened_dict({key: new})
                with pytest.raises(InputError) as error:
                    check(changed)
                assert f"field '{key}'" in str(error.value), (key, odd)
            changed.update_from_flattened_dict({key: value})


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_s_record_is_read_as_data_and_gives_the_same_configuration(kind, tmp_path):
    config, (default, _, open) = own(kind, OWN[kind][0]), KINDS[kind]
    values = json.loads(json.dumps(config.to_dict()))
    record = written(tmp_path / "config.json", json.dumps(values))
    again = config_files.read(str(record), default(), open)
    assert again == config and again.is_locked
    result = written(tmp_path / "results.json", json.dumps({"config": values, "run": {}}))
    assert config_files.read(str(result), default(), open) == config


def test_only_a_python_file_is_run(tmp_path):
    marker = tmp_path / "marker"
    code = f"open({str(marker)!r}, 'w')\ndef get_config(): pass\n"
    for name in ("config.json", "config.txt", "config", "config.yaml", "config.pyc"):
        said = refused(written(tmp_path / name, code), train_config.default_config())
        assert str(tmp_path / name) in said and "Python file (.py)" in said
    assert not marker.exists()
    refused(written(tmp_path / "config.py", code))
    assert marker.exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seed": "x"}, "field 'seed'"),
        ({"data": {"rows": 1.5}}, "field 'data.rows'"),
        ({"data": 3}, "field 'data'"),
        ({"data": {"rwos": 4}}, "field 'data.rwos': is an unknown key"),
        ([], "is not a JSON object"),
    ],
)
def test_a_record_of_other_types_or_keys_is_refused(tmp_path, values, words):
    record = written(tmp_path / "config.json", json.dumps(values))
    assert words in refused(record, train_config.default_config())


def test_a_cut_record_and_one_with_a_name_are_refused(tmp_path):
    record = written(tmp_path / "config.json", '{"seed": 1,')
    assert f"{record}:1: is not JSON" in refused(record, ConfigDict())
    assert "has no names" in refused(f"{record}:smoke", ConfigDict())


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("def get_config():\n    return 1 / 0\n", 2, "ZeroDivisionError: division by zero"),
        ("\ndef get_config(:\n", 2, "invalid syntax"),
        ("x = nothing\n", 1, "NameError"),
        ("import no_such_module\n", 1, "no_such_module"),
        ("import sys\n\ndef get_config():\n    sys.exit(0)\n", 4, "SystemExit: 0"),
        ("def get_config():\n    raise ValueError('one\\ntwo')\n", 2, "ValueError: one two"),
        (
            "from prm_jax.train.config import default_config\n"
            "def get_config():\n    c = default_config()\n    c.model.hed = 1\n    return c\n",
            4,
            "hed",
        ),
        ("y = 1\n", None, "has no function get_config"),
        ("def get_config():\n    pass\n", None, "gives None"),
        ("def get_config():\n    return {'seed': 1}\n", None, "no ConfigDict"),
        ("def get_config(size):\n    pass\n", None, "needs a name"),
    ],
)
def test_what_goes_wrong_inside_is_told_with_its_line(tmp_path, text, line, words):
    path = written(tmp_path / "mine.py", text)
    said = refused(path)
    assert words in said and str(path) + (f":{line}: " if line else ": ") in said


def test_ctrl_c_inside_is_not_taken_for_an_error(tmp_path):
    path = written(tmp_path / "mine.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        config_files.read(str(path))


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("configs/objectives.py:q_rankng", "unknown objective 'q_rankng'; it may be q_ranking"),
        ("configs/selective.py:best_of_m", "it may be best_of_n"),
        ("configs/selective.py:zzzzz", "known are best_of_n, resample, route"),
        ("configs/tiny.py:none", "takes no name, such as 'none'; leave out"),
        ("configs/reproduce/q_ranking.py:smok", "unknown size 'smok'; it may be smoke"),
        ("configs/tinny.py", "it may be configs/tiny.py"),
        ("configs", "is a directory"),
        ("", "no file is named"),
    ],
)
def test_a_slip_in_the_name_is_told_with_what_is_near(monkeypatch, argument, words):
    monkeypatch.chdir(ROOT)
    assert words in refused(argument)


@pytest.mark.parametrize("kind", KINDS)
def test_configurations_of_other_commands_are_refused_with_their_command(kind):
    default, _, open = KINDS[kind]
    reference = default()
    for other, name in [*CONFIGS, ("select", "selective"), ("reproduce", "reproduce/q_ranking")]:
        if other != kind:
            said = refused(ROOT / "configs" / f"{name}.py", reference, open)
            assert "is no configuration of this command: it lacks" in said
            assert f"python -m experiments.{other}" in said


def test_a_key_or_a_type_that_the_command_does_not_know_is_named(tmp_path):
    text = (
        "from prm_jax.train.config import default_config\n"
        "def get_config():\n    c = default_config()\n    c.unlock()\n    {}\n    return c\n"
    )
    extra = written(tmp_path / "extra.py", text.format("c.data.rwos = 4"))
    assert "unknown key 'data.rwos'" in refused(extra, train_config.default_config())
    kind = text.format("with c.ignore_type(): c.seed = 'x'")
    said = refused(written(tmp_path / "kind.py", kind), train_config.default_config())
    assert "field 'seed': cannot be 'x'; give a value like 0" in said


def test_the_selective_policies_have_their_own_options():
    reference = prm_jax.calibration.select_config.default_config()
    for name in importlib.import_module("configs.selective").OPTIONS:
        argument = str(ROOT / "configs" / "selective.py") + f":{name}"
        assert config_files.read(argument, reference, ("options",)).policy == name
