"""A fitted line can be used as it is printed, and does what it says to the scores."""

import json

import numpy as np
import pytest

from prm_jax.records import Trajectory, write_jsonl
from prm_jax.scoring.aggregation import logit


@pytest.fixture
def scored(tmp_path, command, model_directory):
    """Solutions whose labels follow the scores that a model gave them, half as sharp."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abc +"), size=n)) + "." for n in range(1, 41)]
    solutions = [
        Trajectory("p", (a, b), id=f"t{i}") for i, (a, b) in enumerate(zip(texts, texts[::-1]))
    ]
    solutions += [Trajectory("q", (a,), id=f"s{i}") for i, a in enumerate(texts)]
    path, output = tmp_path / "in.jsonl", tmp_path / "scores.jsonl"
    write_jsonl(path, solutions)
    assert (
        command("score", f"--model={model_directory}", f"--input={path}", f"--output={output}").code
        == 0
    )
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    write_jsonl(
        path,
        [
            Trajectory(
                t.problem,
                t.steps,
                tuple(1 / (1 + np.exp(-np.array(r["step_logits"]) / 2))),
                id=t.id,
            )
            for t, r in zip(solutions, rows, strict=True)
        ],
    )
    return path, output


def fit(command, path, scores, *arguments):
    result = command("fit_scorer", f"--input={path}", f"--scores={scores}", *arguments)
    assert result.code == 0, result.err
    return result.out.strip()


def test_a_printed_temperature_scores_as_it_says(tmp_path, command, scored, model_directory):
    path, scores = scored
    line = fit(command, path, scores, "--fit=temperature")
    assert line == "temperature(discriminative, value=2)"
    output = tmp_path / "calibrated.jsonl"
    arguments = (f"--model={model_directory}", f"--input={path}", f"--output={output}")
    assert command("score", *arguments, f"--scorer={line}").code == 0
    for old, new in zip(scores.open(), output.open(), strict=True):
        halves = np.array(json.loads(old)["step_logits"]) / 2
        np.testing.assert_allclose(json.loads(new)["step_logits"], halves, atol=1e-5)
    again = fit(command, path, output, "--fit=temperature")
    assert again.startswith("temperature(temperature(discriminative, value=2), value=1")


@pytest.mark.parametrize("measure", ["characters", "steps"])
def test_a_printed_line_takes_the_length_out(measure, tmp_path, command, scored, model_directory):
    path, scores = scored
    arguments = ("--fit=length_debiased", f"--measure={measure}", "--aggregation=mean")
    line = fit(command, path, scores, *arguments)
    output = tmp_path / "debiased.jsonl"
    arguments = (f"--model={model_directory}", f"--input={path}", f"--output={output}")
    assert command("score", *arguments, f"--scorer={line}").code == 0
    solutions = [json.loads(row) for row in path.open()]
    lengths = [
        len(s["steps"]) if measure == "steps" else sum(map(len, s["steps"])) for s in solutions
    ]
    before = [logit(np.mean(json.loads(row)["step_scores"])) for row in scores.open()]
    after = [logit(json.loads(row)["score"]) for row in output.open()]
    assert abs(np.polyfit(lengths, before, 1)[0]) > 100 * abs(np.polyfit(lengths, after, 1)[0])


def test_solutions_without_labels_cannot_fit_a_temperature(tmp_path, command, scored):
    path, scores = scored
    write_jsonl(path, [Trajectory(**{**json.loads(row), "labels": None}) for row in path.open()])
    result = command("fit_scorer", f"--input={path}", f"--scores={scores}", "--fit=temperature")
    assert result.code == 2 and "no step has both" in result.err


def test_printed_weights_score_as_the_fit_summed(tmp_path, command, scored, model_directory):
    path, scores = scored
    rows = [json.loads(row) for row in path.open()]
    write_jsonl(path, [Trajectory(**{**row, "outcome": n % 2}) for n, row in enumerate(rows)])
    second, output = tmp_path / "relevance.jsonl", tmp_path / "sums.jsonl"
    arguments = (f"--model={model_directory}", f"--input={path}")
    for scorer, name in (("discriminative", scores), ("relevance", second)):
        done = command("score", *arguments, f"--scorer={scorer}", f"--output={name}")
        assert done.code == 0, done.err
    both = f"{scores},{second}"
    line = fit(command, path, both, "--fit=dimensions", "--aggregation=mean")
    assert line.startswith("dimensions(discriminative, relevance, weights=(")
    assert command("score", *arguments, f"--scorer={line}", f"--output={output}").code == 0
    assert all(json.loads(row)["step_logits"][-1] is not None for row in output.open())
    wrong = command("fit_scorer", f"--input={path}", f"--scores={both}", "--fit=temperature")
    assert wrong.code == 2 and "takes one file" in wrong.err
