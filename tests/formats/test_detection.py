"""A row of any format is recognised by that format alone, and damage is refused, not a crash."""

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.records import Trajectory, Where

ROWS = {
    "processbench": {"problem": "p", "steps": ["a"], "final_answer_correct": True, "label": -1},
    "prmbench": {
        "original_question": "q",
        "modified_question": "q",
        "original_process": ["a"],
        "modified_process": ["b"],
        "modified_steps": [1],
        "error_steps": [1],
        "reason": "r",
        "idx": "i",
        "question": "q",
        "classification": "circular",
    },
    "big_bench_mistake": {
        "input": "q",
        "steps": ["a"],
        "target": "1",
        "answer": "1",
        "mistake_index": None,
    },
    "math_aps": {
        "question": "q",
        "final_answer": "1",
        "question_id": 0,
        "reasoning_steps": [{"solution_prefix": "q a", "mc_value": 0.5}],
    },
    "multi_rm": {
        "question": "q",
        "cot": ["a"],
        "labels": [1],
        "answer": "A",
        "parsed_answer": "A",
    },
    "fin_prm": {
        "question": "q",
        "choices": "A",
        "trace": "a",
        "step_labels": [1],
        "final_answer": "A",
        "trajectory_label": 1,
    },
    "qwen_prm": {"problem": "p", "response": "a<extra_0>", "labels": [1]},
    "skywork": {"problem": "p", "response": "a\nb", "labels": [1, 0]},
    "reasonflux": {
        "problem": "p",
        "completion": ["a"],
        "step_rewards": [0.5],
        "trajectory_reward": 1,
    },
    "candidates": {"problem": "p", "gold": "1", "candidates": [{"steps": ["a"], "correct": True}]},
    "mr_ben": {
        "Question": "q",
        "Model_Solution_Steps": ["a"],
        "Model_Solution_Correctness": "correct",
        "Model_Solution_First_Error_Step": "N/A",
    },
    "gsm8k": {"question": "q", "answer": "1 + 1 = <<1+1=2>>2\n#### 2"},
    "prm800k": {
        "question": {"problem": "p", "ground_truth_answer": "1"},
        "label": {
            "steps": [
                {
                    "completions": [{"text": "a", "rating": 1}],
                    "human_completion": None,
                    "chosen_completion": 0,
                }
            ],
            "finish_reason": "solution",
        },
    },
    "math_shepherd": {"input": "q? Step 1: a ки", "label": "q? Step 1: a +", "task": "GSM8K"},
    "rlhflow": {
        "conversations": [
            {"role": "user", "content": "q Step 1: a"},
            {"role": "assistant", "content": "+"},
        ]
    },
    "trl": {"prompt": "p", "completions": ["a"], "labels": [True]},
    "prm_jax": {"problem": "p", "steps": ["a"], "labels": [1]},
}


def test_every_registered_format_has_a_row_here():
    assert set(ROWS) == set(formats.FORMATS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_recognised_by_its_own_format_alone_and_read(name, tmp_path):
    fits = {other for other, module in formats.FORMATS.items() if module.detect(ROWS[name])}
    assert fits == {name}
    formats.write_jsonl(tmp_path / "in.jsonl", [ROWS[name]])
    assert formats.detect(tmp_path / "in.jsonl") == name
    assert len(formats.read(tmp_path / "in.jsonl")) == 1


@pytest.mark.parametrize("name", ROWS)
def test_a_row_without_fields_is_refused_with_its_line(name):
    with pytest.raises(InputError, match="f.jsonl:1"):
        formats.FORMATS[name].read({}, Where("f.jsonl", 1))


@pytest.mark.parametrize("junk", [None, True, -1, 0.5, "", "x", [], [None], [[]], {}, [{"a": 1}]])
@pytest.mark.parametrize("name", ROWS)
def test_a_damaged_field_is_refused_with_its_line_or_read_but_never_crashes(name, junk):
    for field in ROWS[name]:
        try:
            found = formats.FORMATS[name].read({**ROWS[name], field: junk}, Where("f.jsonl", 1))
        except InputError as error:
            assert (error.file, error.line) == ("f.jsonl", 1)
        else:
            assert all(isinstance(trajectory, Trajectory) for trajectory in found)
