"""`python -m experiments.train_uncertainty_head` makes a head that `experiments.score` reads."""

import json
from pathlib import Path

from prm_jax.records import Trajectory, write_jsonl

ROOT = Path(__file__).parents[2]
SMALL = (
    f"--config={ROOT}/configs/uncertainty_head.py",
    "--config.epochs=1",
    "--config.head.d_model=8",
    "--config.head.n_heads=2",
    "--config.head.d_ff=8",
    "--config.data.validation=",
    "--config.data.row_length=64",
    "--config.data.max_length=64",
    "--quiet",
)


def test_the_head_that_was_trained_scores(command, tmp_path, model_directory):
    path, workdir, output = tmp_path / "in.jsonl", tmp_path / "uhead", tmp_path / "out.jsonl"
    write_jsonl(path, [Trajectory("p", ("1 + 1 = 2.", "So 3."), (1.0, 0.0), id="t")])
    arguments = (f"--config.model={model_directory}", f"--config.data.train={path}")
    done = command("train_uncertainty_head", *SMALL, *arguments, f"--workdir={workdir}")
    assert done.code == 0, done.err
    assert done.out.startswith(f"{workdir}: loss ")
    scorer = f"--scorer=uncertainty(head='{workdir}')"
    arguments = (f"--model={model_directory}", f"--input={path}", f"--output={output}")
    done = command("score", *arguments, scorer)
    assert done.code == 0, done.err
    assert None not in json.loads(output.read_text())["step_scores"]


def test_a_value_that_no_head_can_have_is_one_line_and_exit_code_2(command, tmp_path):
    done = command(
        "train_uncertainty_head", *SMALL, "--config.head.n_heads=3", f"--workdir={tmp_path}/run"
    )
    assert done.code == 2 and done.err.count("\n") == 1 and "head.n_heads" in done.err
