"""Outcome reward models: one logit a solution, as transformers gives it, and what takes it."""

import json

import numpy as np
import pytest
import tiny_checkpoints as tiny
import tiny_models

from prm_jax import load_model
from prm_jax.errors import InputError
from prm_jax.evaluate.evaluate_file import evaluate_file
from prm_jax.evaluate.inputs import read_step_scores
from prm_jax.records import Trajectory, write_jsonl
from prm_jax.scoring import score
from prm_jax.scoring.score_file import score_file

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] | trim }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>{% endif %}"
)
SOLUTIONS = [
    Trajectory("1+1?", ("1+1=2", "So 2."), id="a", outcome=1, group="g", answer="2"),
    Trajectory("1+1?", ("1+1=3", "So", "3."), id="b", outcome=0, group="g", answer="3"),
    Trajectory("2+2? </s>", ("It is </s> 4.",), id="c", outcome=1, group="h", answer="4"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A sequence classifier of transformers with a chat template, and its directory."""
    directory = tmp_path_factory.mktemp("made") / "m"
    model = tiny.write(
        directory,
        "llama",
        "ForSequenceClassification",
        num_labels=1,
        vocab_size=256,
        pad_token_id=2,  # </s>, with which the template ends: the token before it is read
        max_position_embeddings=256,
    )
    tokenizer = tiny_models.tokenizer()
    tokenizer.backend.add_special_tokens(["<s>", "</s>"])
    tokenizer.chat_template = TEMPLATE
    tokenizer.save(directory)
    return directory, model


@pytest.fixture
def solutions(tmp_path):
    path = tmp_path / "in.jsonl"
    write_jsonl(path, SOLUTIONS)
    return path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_score_is_the_logit_that_transformers_gives(made, solutions, tmp_path):
    directory, model = made
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(directory)
    expected = []
    for solution in SOLUTIONS[:2]:  # the third has a special token in its text, which is text here
        messages = [
            {"role": "user", "content": solution.problem},
            {"role": "assistant", "content": "\n".join(solution.steps)},
        ]
        ids = tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)
        assert ids["input_ids"][0, -1] == 2
        with torch.no_grad():
            expected.append(model(**ids).logits.item())
    record = score_file(directory, solutions, tmp_path / "out.jsonl")
    found = rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in found] == ["a", "b", "c"]
    for row in found:
        assert row["step_scores"] is row["step_logits"] is row["aggregation"] is None
    assert [row["score"] for row in found[:2]] == pytest.approx(expected, abs=1e-4)
    assert "Bradley-Terry" in record["score"] and record["convention"]["pad_token"] == "</s>"
    again = score_file(directory, solutions, tmp_path / "b.jsonl", convention="outcome")
    assert again["convention"] == record["convention"]
    score_file(directory, solutions, tmp_path / "p.jsonl", aggregation="last")
    sigmoid = [1 / (1 + np.exp(-row["score"])) for row in found]
    assert [row["score"] for row in rows(tmp_path / "p.jsonl")] == pytest.approx(sigmoid, abs=1e-6)
    score_file(directory, solutions, tmp_path / "t.jsonl", scorer="temperature(value=2.0)")
    halved = [row["score"] / 2 for row in found]
    assert [row["score"] for row in rows(tmp_path / "t.jsonl")] == pytest.approx(halved, abs=1e-6)


def test_best_of_n_takes_it_and_other_tasks_say_what_they_need(made, solutions, tmp_path):
    out = tmp_path / "out.jsonl"
    score_file(made[0], solutions, out)
    found = {row["id"]: row["score"] for row in rows(out)}
    result = evaluate_file("best_of_n", solutions, scores=out)
    right = [found["a"] > found["b"], True]
    assert result["metrics"]["best_of_n"]["value"] == np.mean(right)
    with pytest.raises(InputError, match="a score a step.*best_of_n takes"):
        evaluate_file("processbench", solutions, scores=out)
    with pytest.raises(InputError, match="one score a solution, and this needs one a step"):
        read_step_scores(out, SOLUTIONS)


@pytest.mark.parametrize("scorer", ["bidirectional", "hierarchical", "mean_log_prob", "pairwise"])
def test_scorers_of_steps_refuse_it_in_one_line(scorer, made, solutions, tmp_path):
    with pytest.raises(InputError, match=f"one score a solution, which is nothing for .*{scorer}"):
        score_file(made[0], solutions, tmp_path / "out.jsonl", scorer=scorer)


def test_a_solution_that_does_not_fit_has_no_score(made, solutions, tmp_path):
    score_file(made[0], solutions, tmp_path / "out.jsonl", max_length=8)
    assert all(r["score"] is None and r["truncated"] for r in rows(tmp_path / "out.jsonl"))


def test_without_a_chat_template_the_error_names_the_plain_convention(made):
    model, params, tokenizer = load_model(made[0])
    tokenizer.chat_template = None
    with pytest.raises(InputError, match="no chat template.*outcome_plain"):
        score(model, params, tokenizer, SOLUTIONS)


def test_a_step_convention_still_reads_steps(made, solutions, tmp_path):
    score_file(made[0], solutions, tmp_path / "out.jsonl", convention="trl")
    found = rows(tmp_path / "out.jsonl")
    assert [len(row["step_scores"]) for row in found] == [2, 3, 1]
