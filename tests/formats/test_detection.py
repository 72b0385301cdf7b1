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
    "openrlhf": {"input": "q? Step 1: a ки", "value": ["+"]},
    "er_prm": {"text": "q? Step 1: a ки\nStep 2: b ки", "value": [0.9, 0.2]},
    "openr": {"question": "q", "process": "a\n\n\n\n\n", "label": ["+"]},
    "thinkprm": {
        "problem": "p",
        "prefix": "a",
        "cot": "c",
        "prefix_steps": ["a"],
        "gt_step_labels": ["+"],
        "prefix_label": True,
    },
    "eurus_prm": {
        "id": 1,
        "dataset": "d",
        "response": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
        "label": True,
    },
    "mr_gsm8k": {
        "uuid": "u",
        "question_type": "original",
        "question": "q",
        "ground_truth_solution": "s",
        "ground_truth_answer": "5",
        "model_output_steps": ["a"],
        "model_output_answer_correctness": "wrong",
        "model_output_solution_correctness": "wrong",
        "model_output_solution_first_error_step": "1",
        "model_output_solution_first_error_reason": "r",
    },
    "search_and_learn": {
        "problem": "p",
        "solution": "s",
        "answer": "5",
        "subject": "x",
        "level": 1,
        "unique_id": "t/1.json",
        "completions": ["a\n\nb"],
        "scores": [[0.9, 0.8]],
        "pred": "5",
        "completion_tokens": [2],
        "agg_scores": [0.8],
    },
    "prm800k_steps": {
        "instruction": "p",
        "responses": ["a"],
        "next_response": "b",
        "answer": None,
        "is_human_response": False,
        "is_solution": False,
        "is_preferred_response": True,
        "rating": 1,
    },
    "socratic_prmbench": {
        "idx": "gsm8k_test#1",
        "original_question": "q",
        "modified_question": "q",
        "original_process": ["a"],
        "modified_process": ["b"],
        "error_steps": [1],
        "reason": "r",
        "classification": "Transformation Inconsistency",
    },
    "mathcheck": {
        "task_type": "process_judging",
        "question_type": "seed_question",
        "group_id": "0",
        "id": "3",
        "question": "q",
        "solution": "Step 1: a\nThe answer is 2.",
        "answer": "Step 1",
    },
    "reasoneval": {
        "id": 0,
        "question": "q",
        "ground_truth_answer": "5",
        "generator": "g",
        "model_output": "a",
        "model_output_step_format": [["a"]],
        "model_output_answer_correctness": "correct",
        "model_output_solution_correctness": "wrong",
        "model_output_solution_first_error_step": 1,
    },
    "strict_prmbench": {
        "problem_id": "gsm8k_002",
        "n": 1,
        "temperature": 0.8,
        "candidates": [
            {
                "problem_id": "gsm8k_002",
                "problem": {"id": "gsm8k_002", "dataset": "gsm8k", "question": "q"},
                "raw_text": "a",
                "steps": [{"index": 0, "text": "a", "token_start": None, "token_end": None}],
                "extracted_answer": "1",
                "is_correct": True,
            }
        ],
    },
    "judgebench": {
        "pair_id": "e3",
        "original_id": 1,
        "source": "mmlu-pro-law",
        "question": "q",
        "response_model": "m",
        "response_A": "a",
        "response_B": "b",
        "label": "A>B",
    },
    "agent_process_bench": {
        "total_index": 0,
        "query_index": 0,
        "sample_index": 0,
        "question": "q",
        "data_source": "d",
        "answer_text": "x",
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
        "step_labels": {"1": -1},
        "final_label": -1,
    },
    "verify_cot": {
        "question": "q",
        "answer": "#1. x\n\n#2. (by #1) Step 1: a",
        "final_answer": 7,
        "gt_answer": "a\n#### 7",
        "correct": True,
        "flag": 1,
    },
    "visual_process_bench": {
        "image": ["images/1.png"],
        "question": "q",
        "answer": "5",
        "response": {"steps": ["a"], "process_correctness": [-1]},
        "policy_model": "m",
        "data_source": "MMMU",
    },
}


def test_every_registered_format_has_a_row_here():
    assert set(ROWS) == set(formats.FORMATS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_recognised_by_its_own_format_alone_and_read(name, tmp_path):
    fits = {other for other, module in formats.FORMATS.items() if module.detect(ROWS[name])}
    assert fits == {name}
    formats.write_jsonl(tmp_path / "in.jsonl", [ROWS[name]])
    assert formats.detect(tmp_path / "in.jsonl") == name
    assert len(formats.read(tmp_path / "in.jsonl")) == (2 if name == "judgebench" else 1)


NOT_NULL = ("big_bench_mistake",)  # null in its field means that there is no mistake


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_NULL])
def test_a_row_of_a_table_with_the_columns_of_all_formats_is_recognised(name):
    union = dict.fromkeys(field for row in ROWS.values() for field in row)
    assert formats.detected({**union, **ROWS[name]}).NAME == name


@pytest.mark.parametrize("name", ROWS)
def test_extra_columns_do_not_change_what_a_row_is(name):
    extra = {"__index_level_0__": 3, "split": "train", "note": None}
    assert formats.detected({**ROWS[name], **extra}).NAME == name


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": [{"role": "user", "content": "q"}]}, "chat of 1 turns"),
        (
            {
                "conversations": [
                    {"from": "human", "value": "q Step 1: a"},
                    {"from": "gpt", "value": "It is right."},
                ]
            },
            "chat of 2 turns",
        ),
        ({"messages": [{"role": "assistant", "content": "+1"}]}, "chat of 1 turns"),
        ({"problem_id": "a", "candidate_index": 0, "step_scores": [0.5]}, "--scores"),
        ({"id": "a", "step_scores": [0.5], "score": 0.5}, "--scores"),
        ({"features": [], "rows": [{"row_idx": 0, "row": {}}], "partial": False}, "viewer"),
        ({"prompt": "p", "chosen": "a", "rejected": "b"}, "pair of preferences"),
        ({"question": "q", "steps": ["a"], "step_labels": [1]}, "problem, steps and labels"),
        ({"query": "q", "solution_steps": ["a"], "ratings": [1]}, "a question (query)"),
        ({"instruction": "p", "output": "o"}, "fields ['instruction', 'output']"),
    ],
)
def test_a_row_of_no_format_is_said_to_be_what_it_looks_like_in_one_line(row, says, tmp_path):
    assert not [name for name, module in formats.FORMATS.items() if module.detect(row)]
    formats.write_jsonl(tmp_path / "in.jsonl", [row])
    with pytest.raises(InputError) as caught:
        formats.read(tmp_path / "in.jsonl")
    message = str(caught.value)
    assert "in.jsonl:1: fits no known format" in message and says in message
    assert "\n" not in message and "processbench, " in message and "rlhflow, " in message


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
