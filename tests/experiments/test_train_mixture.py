"""`python -m experiments.train_mixture` on experts that `experiments.train` made."""

import json
from pathlib import Path

from prm_jax.records import Trajectory, write_jsonl

ROOT = Path(__file__).parents[2]
EXPERT = (
    f"--config={ROOT}/configs/objectives.py:bradley_terry",
    "--config.model.head.kind=",
    "--config.model.train_layers=-1",
    "--config.model.lora.rank=2",
    "--config.model.lora.alpha=2",
    "--config.model.lora.targets=('attn/[qv]/kernel',)",
    "--config.data.row_length=96",
    "--config.data.max_length=48",
    "--config.data.validation_fraction=0",
    "--config.compilation_cache=",
    "--config.steps=1",
    "--config.data.rows=8",
)
MIXTURE = (
    f"--config={ROOT}/configs/dmoerm.py",
    "--config.epochs=1",
    "--config.data.row_length=96",
    "--config.data.max_length=48",
    "--config.data.validation_fraction=0",
    "--quiet",
)


def test_the_commands_of_the_configuration_give_scores(command, tmp_path, model_directory):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [
        Trajectory(f"{source} {number}?", ("a is b.", text), outcome=outcome, source=source)
        for source in ("arithmetic", "logic")
        for number in range(2)
        for outcome, text in ((1.0, "So b."), (0.0, "So not."))
    ]
    write_jsonl(path, rows)
    expert = f"{tmp_path}/expert"
    arguments = (f"--config.model.name={model_directory}", f"--config.data.train={path}")
    done = command("train", *EXPERT, *arguments, f"--workdir={expert}")
    assert done.code == 0, done.err
    experts = (("arithmetic", (expert, expert)), ("logic", (expert,)))
    arguments = (f"--config.model={model_directory}", f"--config.data.train={path}")
    arguments += (f"--config.experts={experts}", f"--workdir={tmp_path}/mixture")
    done = command("train_mixture", *MIXTURE, *arguments)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{tmp_path}/mixture: loss ")
    scorer = f"--scorer=mixture(path='{tmp_path}/mixture')"
    arguments = (f"--model={model_directory}", f"--input={path}", f"--output={output}")
    done = command("score", *arguments, scorer)
    assert done.code == 0, done.err
    scores = [json.loads(line)["step_scores"] for line in output.read_text().splitlines()]
    assert len(scores) == len(rows) and all(len(row) == 2 and None not in row for row in scores)


def test_an_expert_that_is_not_there_is_one_line_and_exit_code_2(
    command, tmp_path, model_directory
):
    write_jsonl(tmp_path / "in.jsonl", [Trajectory("0?", ("1.",), outcome=1.0)])
    arguments = (f"--config.model={model_directory}", f"--workdir={tmp_path}/run")
    arguments += (f"--config.data.train={tmp_path}/in.jsonl",)
    done = command("train_mixture", *MIXTURE, *arguments)
    assert done.code == 2 and done.err.count("\n") == 1 and "runs/arithmetic-1" in done.err
    assert not (tmp_path / "run").exists()
