"""A run as a whole: what it writes, what it refuses, and what it can be continued on."""

import json
import os
import shutil
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest
from local_runs import forget_after

from prm_jax.errors import InputError
from prm_jax.models import make_mesh, paths
from prm_jax.train import config as config_lib
from prm_jax.train import distributed, loop
from prm_jax.train.backbone import make_backbone, model_files
from prm_jax.train.checkpoint import Checkpoints, load_for_inference
from prm_jax.train.placement import put_batch
from prm_jax.train.ranges import RANGES, Range
from prm_jax.train.setup import make_run
from prm_jax.train.validation import Validation
from prm_jax.weights import load_model

pytestmark = pytest.mark.slow


def rows(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def trees_equal(one, other):
    one, other = paths(one), paths(other)
    assert one.keys() == other.keys()
    return all(np.array_equal(one[path], other[path]) for path in one)


def test_a_run_writes_its_record_metrics_checkpoints_and_a_model_that_loads(
    config, tmp_path, capfd
):
    config.tensorboard = True
    last = loop.train(config, tmp_path / "run")
    printed = capfd.readouterr().err
    assert "train: 51 trajectories" in printed and "training 6/6" in printed
    assert "tokens/s" in printed and "left 00:00:00" in printed
    workdir = tmp_path / "run"
    assert json.loads((workdir / "config.json").read_text()) == config_lib.to_json(config)
    report = json.loads((workdir / "data_report.json").read_text())
    assert report["train"]["trajectories"] + report["validation"]["trajectories"] == 60
    assert report["train"]["lost_steps"] == 0 and len(report["train"]["fingerprint"]) == 64
    assert [row["step"] for row in rows(workdir)] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in rows(workdir) if "validation/auroc" in row] == [3, 6]
    assert last["validation/loss"] == rows(workdir)[-1]["validation/loss"]
    assert list((workdir / "tensorboard").iterdir())
    checkpoints = Checkpoints(workdir)
    record = checkpoints.record(checkpoints.latest())
    assert checkpoints.latest() == 6 and record["total_steps"] == 6
    assert record["config"] == config_lib.to_json(config)
    assert record["model_files"] is None  # a random model has none
    assert model_files(str(tmp_path)) == {"path": str(tmp_path)}
    assert record["data_fingerprint"] == report["train"]["fingerprint"] and record["code"]
    assert sorted(p.name for p in (workdir / "checkpoints").iterdir()) == ["4", "6"]
    model, params, tokenizer = load_model(workdir)
    assert model.head.kind == "scalar" and tokenizer.convention.name == "trl"
    shutil.rmtree(workdir / "export")
    restored, params_, _ = load_model(workdir)
    assert restored.segments == () and trees_equal(params, params_)
    # Complete: starting it again changes nothing but brings the export back.
    before = rows(workdir)
    again = loop.train(config, workdir, progress=False)
    assert rows(workdir) == before and again["validation/loss"] == last["validation/loss"]
    assert trees_equal(load_model(workdir)[1], params)


def test_top_layers_alone_are_trained_and_a_checkpoint_holds_only_them(config, tmp_path):
    config.model.train_layers = 1
    loop.train(config, tmp_path, progress=False)
    before = make_backbone(config, make_mesh(data=-1))
    assert set(before.frozen) == {"embed", "unembed", "layers_0"}
    _, params, _ = load_for_inference(tmp_path)
    after, initial = params["layers_0"]["mlp"]["up"]["kernel"], before.frozen["layers_0"]
    np.testing.assert_array_equal(after[:1], initial["mlp"]["up"]["kernel"])
    upper = np.asarray(before.params["layers_1"]["mlp"]["up"]["kernel"])
    assert (np.asarray(after[1:]) != upper).any()
    shutil.rmtree(tmp_path / "export")
    text = "".join(p.read_text("latin1") for p in (tmp_path / "checkpoints/6").rglob("_METADATA"))
    assert "layers_1" in text and "layers_0" not in text and "embed" not in text


def test_adapters_are_trained_with_the_head_and_merged_in_the_export(config, tmp_path):
    config.model.lora.rank = 2
    loop.train(config, tmp_path, progress=False)
    before = make_backbone(config, make_mesh(data=-1))
    assert set(before.params) == {"lora", "head"}
    assert not [path for path in paths(before.params) if path.endswith("scale")]
    _, merged, _ = load_for_inference(tmp_path)
    _, exported, _ = load_model(tmp_path)
    for path, leaf in paths(merged).items():
        np.testing.assert_allclose(paths(exported)[path], leaf, atol=1e-7, err_msg=path)
    kernels = [
        path for path in paths(before.frozen) if path.endswith("/kernel") and "layers" in path
    ]
    assert kernels
    for path in kernels:
        assert (np.asarray(paths(exported)[path]) != paths(before.frozen)[path]).any(), path
    np.testing.assert_array_equal(
        exported["embed"]["embedding"], before.frozen["embed"]["embedding"]
    )


def test_a_run_continued_on_another_mesh_has_the_same_losses(config, tmp_path):
    config.checkpoints_to_keep = 9
    loop.train(config, tmp_path, progress=False)
    expected = rows(tmp_path)
    forget_after(tmp_path, 2)
    config.mesh.update({"data": 1, "fsdp": 2, "sequence": 2, "tensor": 2})
    loop.train(config, tmp_path, progress=False)
    got = rows(tmp_path)
    assert len(got) == len(expected)
    for name in ("loss", "grad_norm"):
        np.testing.assert_allclose(
            [row[name] for row in got], [row[name] for row in expected], rtol=1e-4
        )
    assert got[:2] == expected[:2]  # kept from the first part
    assert got[2]["tokens_per_second"] != expected[2]["tokens_per_second"]  # made again


def test_every_batch_has_the_same_shape_and_the_step_is_traced_once(config):
    mesh = make_mesh(data=-1)
    with jax.set_mesh(mesh):
        run = make_run(config, mesh)
        state = run.state
        for _, batch in zip(range(4), run.stream):
            state, _ = run.step_fn(state, put_batch(batch, config.data.rows, mesh))
    assert run.step_fn._cache_size() == 1


def test_epochs_set_the_number_of_updates(config):
    config.steps, config.epochs = 0, 3
    with jax.set_mesh(make_mesh(data=-1)):
        run = make_run(config, make_mesh(data=-1))
    assert run.total == sum(1 for _ in run.stream) > 1


def test_a_workdir_with_another_configuration_or_other_data_is_refused(config, solutions, tmp_path):
    config.steps = 2
    workdir = tmp_path / "run"
    loop.train(config, workdir, progress=False)
    config.log_every = 7  # may change
    loop.train(config, workdir, progress=False)
    written = json.loads((workdir / "config.json").read_text())
    del written["data"]["skip_bad"]  # as a version before this key would have written it
    (workdir / "config.json").write_text(json.dumps(written))
    loop.train(config, workdir, progress=False)
    config.optimizer.b1 = 0.5
    config.data.rows = 16
    with pytest.raises(InputError, match="data.rows: 8 before, 16 now; optimizer.b1: 0.9 before"):
        loop.train(config, workdir, progress=False)
    config.optimizer.b1, config.data.rows = 0.9, 8
    solutions.write_text(solutions.read_text().replace("add to 3", "add  to 3"))
    with pytest.raises(InputError, match="train data are not those"):
        loop.train(config, workdir, progress=False)


def test_frozen_parameters_that_changed_are_noticed(config, tmp_path):
    config.model.train_layers = 1
    config.steps = 2
    loop.train(config, tmp_path, progress=False)
    saved = json.loads((tmp_path / "config.json").read_text())
    saved["seed"] = 1  # another random model in the place of the one the run began with
    (tmp_path / "config.json").write_text(json.dumps(saved))
    with pytest.raises(InputError, match="frozen parameters of 'random:tiny-llama' are not those"):
        load_for_inference(tmp_path)


@pytest.fixture
def any_rate(monkeypatch):
    monkeypatch.setitem(RANGES, "optimizer.learning_rate", Range(0, 1e39))


def test_a_loss_that_is_not_finite_stops_with_step_trajectories_and_checkpoint(
    config, tmp_path, any_rate
):
    config.checkpoint_every = 1
    config.optimizer.learning_rate = 1e38
    config.optimizer.warmup_steps = 0.0
    with pytest.raises(
        InputError, match=r"step [2-4]: loss (nan|inf) .*batch: t\d+, t\d+"
    ) as caught:
        loop.train(config, tmp_path, progress=False)
    assert f"last good checkpoint: {tmp_path}/checkpoints/" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.train", "", "no training data"),
        ("data.train", "nowhere.jsonl", "nowhere.jsonl"),
        ("data.max_length", 97, "more than a row of 96"),
        ("data.rows", 12, "12 rows cannot be split over data x expert x fsdp = 8"),
        ("microbatches", 3, "8 rows cannot be split into 3 microbatches"),
        ("mesh.data", 3, "does not fit 8 devices"),
        ("model.name", "random:tiny-gpt", "unknown preset 'tiny-gpt'"),
        ("model.name", "nothing", "no model 'nothing'"),
        ("model.train_layers", 3, "3 of 2 layers"),
        ("model.freeze", ("layres",), "'layres' matches no parameter"),
        ("model.freeze", ("",), "every parameter is frozen"),
        ("model.dtype", "float8", "unknown dtype"),
        ("objective", "two_class", "two_class needs"),
        ("objective_options", '{"margin": 2}', "bce has no hyperparameter 'margin'"),
        ("data.max_steps", 1, "more than the 1 of a row"),
        ("data.convention", "{oops", "is not JSON"),
        ("optimizer.decay", "steps", "known are cosine"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    config, tmp_path, key, value, message
):
    config.update_from_flattened_dict({key: value})
    with pytest.raises(InputError, match=message) as caught:
        loop.train(config, tmp_path / "run", progress=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def interruptible():
    """As in a terminal; the processes of a test run may ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_during_a_validation_saves_before_it_stops(
    config, tmp_path, monkeypatch, capsys, interruptible, number, code
):
    measure = Validation.measure

    def interrupted(*arguments):
        signal.raise_signal(number)
        return measure(*arguments)

    monkeypatch.setattr(Validation, "measure", interrupted)
    with pytest.raises(SystemExit) as stopped:
        loop.train(config, tmp_path / "run", progress=False)
    assert stopped.value.code == code
    assert (tmp_path / "run/checkpoints/3").is_dir()  # it validates every 3, saves every 2
    assert "the same command goes on after update 3" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_interrupts_are_ignored_they_stay_so(interruptible):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with distributed.noticing_stop(mesh=None) as stop:
        signal.raise_signal(signal.SIGINT)
        assert not stop()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_the_second_interrupt_ends_a_run_at_once(interruptible):
    with distributed.noticing_stop(mesh=None) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_failed_before_its_first_checkpoint_starts_again_with_other_values(
    config, tmp_path, any_rate
):
    config.optimizer.learning_rate, config.optimizer.warmup_steps = 1e38, 0.0
    config.checkpoint_every, config.steps = 100, 40
    with pytest.raises(InputError, match="loss (nan|inf).*lower the learning rate"):
        loop.train(config, tmp_path / "run", progress=False)
    config.optimizer.learning_rate, config.steps = 1e-3, 2
    loop.train(config, tmp_path / "run", progress=False)
    assert json.loads((tmp_path / "run/config.json").read_text())["steps"] == 2
    config.optimizer.learning_rate = 1e-4
    with pytest.raises(InputError, match="another configuration"):
        loop.train(config, tmp_path / "run", progress=False)


def test_a_head_of_two_vocabulary_tokens_and_outcome_supervision_train(config, tmp_path):
    config.steps = 2
    config.model.head.kind, config.objective = "two_token", "two_token"
    loop.train(config, tmp_path / "tokens", progress=False)
    model, _, _ = load_for_inference(tmp_path / "tokens")
    assert (model.head.positive_id, model.head.negative_id) == (ord("+") - 33, ord("-") - 33)
    config.model.head.kind, config.objective = "scalar", "orm_bce"
    loop.train(config, tmp_path / "outcome", progress=False)
    report = json.loads((tmp_path / "outcome/data_report.json").read_text())
    assert report["train"]["labels"] == report["train"]["trajectories"]


def test_a_step_token_that_is_added_gets_a_row_in_the_embedding(config):
    config.data.convention = json.dumps(
        {"name": "mine", "marker": "added_token", "marker_text": "<step>"}
    )
    backbone = make_backbone(config, make_mesh(data=-1))
    assert backbone.tokenizer.token_id("<step>") == 256
    assert backbone.model.config.vocab_size == 320
    table = np.asarray(backbone.params["embed"]["embedding"])
    assert table.shape == (320, 32) and backbone.params["unembed"]["kernel"].shape == (32, 320)
    np.testing.assert_allclose(table[256], table[:256].mean(0), atol=0.002)


def test_a_configuration_survives_json(config):
    config.optimizer.groups = (("head", 10.0),)
    config.model.freeze = ("^embed/",)
    again = config_lib.from_json(json.loads(json.dumps(config_lib.to_json(config))))
    assert again.to_dict() == config.to_dict()
    assert config_lib.differences(config_lib.to_json(config), config_lib.to_json(again)) == []


def command_line(*flags):
    command = [sys.executable, "-m", "experiments.train", "--config=configs/tiny.py", *flags]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ)


def test_an_unknown_key_and_a_mesh_that_does_not_fit_are_one_line_and_exit_code_2(tmp_path):
    for flag, message in (
        ("--config.data.rwos=4", "rwos"),
        ("--config.mesh.tensor=3", "does not fit 8 devices"),
    ):
        done = command_line(flag, f"--workdir={tmp_path / 'run'}")
        assert done.returncode == 2
        assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "run").exists()
