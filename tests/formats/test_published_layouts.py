"""Layouts as their authors publish them: hand-written rows against the trajectories they are."""

import copy
import json
import random

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.formats.convert import convert
from prm_jax.records import Trajectory, Where

HERE = Where("data/file.jsonl", 3)


def read(name, row, where=HERE, **options):
    return formats.FORMATS[name].read(copy.deepcopy(row), where, **options)


def only(name, row, where=HERE, **options):
    (found,) = read(name, row, where, **options)
    return found


TAGGED = "What is 2+3? Step 1: 2+3=6 ки\nStep 2: so 6 ки"
GOLDEN = {
    "openrlhf": (
        {"input": TAGGED, "value": ["-", "+"]},
        Trajectory("What is 2+3?", ("2+3=6", "so 6"), (0.0, 1.0), source="openrlhf"),
    ),
    "er_prm": (
        {"text": TAGGED, "value": [0.1, 0.75]},
        Trajectory("What is 2+3?", ("2+3=6", "so 6"), (0.1, 0.75), source="er_prm"),
    ),
    "openr": (
        {"question": "q", "process": "Step 1: a\n\n\n\n\nStep 2: b\n\n\n\n\n", "label": ["+", "-"]},
        Trajectory("q", ("Step 1: a", "Step 2: b"), (1.0, 0.0), source="openr"),
    ),
    "thinkprm": (
        {
            "problem": "p",
            "prefix": "Step 1: a\n\nStep 2: b",
            "cot": "c",
            "prefix_steps": ["Step 1: a", "Step 2: b"],
            "gt_step_labels": ["+", "-"],
            "prefix_label": False,
        },
        Trajectory(
            "p",
            ("Step 1: a", "Step 2: b"),
            (1.0, 0.0),
            source="thinkprm",
            meta={"cot": "c", "prefix_label": False},
        ),
    ),
    "eurus_prm": (
        {
            "id": 7,
            "dataset": "MATH",
            "response": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "Step 1: a\nmore\nStep 2: b"},
            ],
            "label": 0,
        },
        Trajectory(
            "q",
            ("Step 1: a\nmore", "Step 2: b"),
            outcome=0.0,
            id="MATH/7",
            source="eurus_prm",
            meta={"dataset": "MATH"},
        ),
    ),
    "mr_gsm8k": (
        {
            "uuid": "u",
            "question_type": "reversed",
            "question": "q",
            "ground_truth_answer": 5.0,
            "model_output_steps": ["a", "b", "c"],
            "model_output_answer_correctness": "correct",
            "model_output_solution_correctness": "wrong",
            "model_output_solution_first_error_step": "2",
        },
        Trajectory(
            "q",
            ("a", "b", "c"),
            first_error=1,
            outcome=1.0,
            gold="5",
            id="u",
            source="mr_gsm8k/reversed",
            meta={
                "question_type": "reversed",
                "model_output_answer_correctness": "correct",
                "model_output_solution_correctness": "wrong",
            },
        ),
    ),
    "prm800k_steps": (
        {
            "instruction": "p",
            "responses": ["a", "b"],
            "next_response": "c",
            "answer": "5",
            "is_human_response": False,
            "is_solution": False,
            "is_preferred_response": False,
            "rating": -1,
        },
        Trajectory(
            "p",
            ("a", "b", "c"),
            (None, None, 0.0),
            answer="5",
            source="prm800k_steps",
            meta={
                "is_human_response": False,
                "is_solution": False,
                "is_preferred_response": False,
            },
        ),
    ),
    "mathcheck": (
        {
            "task_type": "process_judging",
            "question_type": "seed_question",
            "group_id": "0",
            "id": "3",
            "question": "q",
            "solution": "Step 1: a\n\nStep 2: b\nmore\nThe answer is $16.",
            "answer": "Step 2",
        },
        Trajectory(
            "q",
            ("Step 1: a", "Step 2: b\nmore\nThe answer is $16."),
            first_error=1,
            id="mathcheck/3",
            source="mathcheck/seed_question",
            meta={
                "task_type": "process_judging",
                "question_type": "seed_question",
                "group_id": "0",
            },
        ),
    ),
    "verify_cot": (
        {
            "question": "q",
            "answer": "First let's write down all\n#1: one\n#2. two\n\nNext, let's answer\n\n"
            "#3. (by #1) Step 1: a\nmore\n\n#4. (by #2 #3) The answer is 7.",
            "final_answer": 7,
            "correct": True,
            "flag": 1,
        },
        Trajectory(
            "q",
            ("#3. (by #1) Step 1: a\nmore", "#4. (by #2 #3) The answer is 7."),
            first_error=-1,
            outcome=1.0,
            gold="7",
            source="verify_cot",
            meta={"flag": 1, "premises": ["#1: one", "#2. two"]},
        ),
    ),
    "visual_process_bench": (
        {
            "image": ["1.png", "2.png"],
            "question": "q",
            "answer": "5",
            "response": {"steps": ["a", "b", "c"], "process_correctness": [1, -1, 0]},
            "policy_model": "m",
            "data_source": "MMMU",
        },
        Trajectory(
            "q",
            ("a", "b", "c"),
            (1.0, 0.0, 1.0),
            gold="5",
            source="visual_process_bench/MMMU",
            meta={"policy_model": "m", "data_source": "MMMU", "images_not_read": 2},
        ),
    ),
    "agent_process_bench": (
        {
            "total_index": 4,
            "query_index": 1,
            "question": "task",
            "data_source": "d",
            "answer_text": "x",
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "task, please"},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"function": {"name": "search", "arguments": '{"q": 1}'}}],
                },
                {"role": "tool", "content": "found"},
                {"role": "assistant", "content": "x"},
            ],
            "step_labels": {"2": 0, "4": -1},
            "final_label": 0,
        },
        Trajectory(
            "task",
            ('search({"q": 1})', "[tool] found\n\nx"),
            (1.0, 0.0),
            outcome=0.0,
            answer="x",
            id="d/4",
            group="d/1",
            source="agent_process_bench/d",
            meta={"total_index": 4, "query_index": 1, "data_source": "d"},
        ),
    ),
}
MR_MATH = {
    "id": 3,
    "question": "q",
    "ground_truth_answer": "52",
    "generator": "g",
    "model_output": "1. a\n2. b",
    "model_output_step_format": [["1. a"], ["2. b", "more"], ["3. c"]],
    "model_output_answer_correctness": "correct",
    "model_output_solution_correctness": "wrong",
    "model_output_solution_first_error_step": 2,
}
REDUNDANT = {
    "id": 0,
    "question": "q",
    "model_output_step_format": [["a"], ["b"]],
    "rating": [1, 0],
}
PERTURBED = {
    "id": 0,
    "question": "q",
    "ground_truth_answer": "29",
    "reference_steps": ["a", "b", "c"],
    "hypothesis_steps": ["a", "B", "c"],
    "error_type": "random number",
    "tags": 1,
}
SAL = {
    "problem": "p",
    "answer": "5",
    "unique_id": "t/1.json",
    "completions": ["a\n\nThe answer is \\boxed{\\frac{1}{2}}.", "b\n\n\n\nc", "d\ne"],
    "scores": [[0.9, 0.8], [0.7, 0.1, 0.6], [0.4, 0.3]],
    "agg_scores": [0.8, 0.6, 0.3],
    "completion_tokens": [3, 4, 5],
    "pred": "\\boxed{5}",
    "completions@1": ["a"],
    "pred_naive@1": "5",
}
POOL = {
    "problem_id": "gsm8k_002",
    "n": 2,
    "temperature": 0.8,
    "candidates": [
        {
            "problem": {"dataset": "gsm8k", "question": "q", "ground_truth": "70000"},
            "raw_text": text,
            "steps": [{"index": 0, "text": text}, {"index": 1, "text": "end"}],
            "extracted_answer": answer,
            "is_correct": answer == "70000",
        }
        for text, answer in (("x", "70000"), ("y", "000"))
    ],
}
JUDGED = {"pair_id": "e3", "source": "law", "question": "q", "response_A": "a\n\nb"}
JUDGED |= {"response_B": "c", "label": "B>A"}
SOCRATIC = {
    "idx": "gsm8k_test#1",
    "modified_question": "q",
    "modified_process": ["1. <Transformation>: a", "2. <Deduction>: b", "3. c"],
    "error_steps": [2],
    "classification": "Premise Unsoundness",
    "reason": "r",
}


WHOLE = [*((name, row) for name, (row, _) in GOLDEN.items())]
WHOLE += [("reasoneval", row) for row in (MR_MATH, REDUNDANT, PERTURBED)]
WHOLE += [("search_and_learn", SAL), ("strict_prmbench", POOL), ("judgebench", JUDGED)]
WHOLE += [("socratic_prmbench", SOCRATIC)]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_published_row_is_read_as_written_by_hand(name):
    row, expected = GOLDEN[name]
    assert read(name, row) == [expected]


MOVED = [
    ("openrlhf", ("value",), ["+", "-"], (1.0, 0.0)),
    ("er_prm", ("value",), [0.75, 0.1], (0.75, 0.1)),
    ("openr", ("label",), [0, 1], (0.0, 1.0)),
    ("openr", ("label",), ["-", "+"], (0.0, 1.0)),
    ("thinkprm", ("gt_step_labels",), ["-", "+"], (0.0, 1.0)),
    ("mr_gsm8k", ("model_output_solution_first_error_step",), 1, (0.0, None, None)),
    ("mr_gsm8k", ("model_output_solution_first_error_step",), "3", (1.0, 1.0, 0.0)),
    ("mr_gsm8k", ("model_output_solution_first_error_step",), "Step 3", (1.0, 1.0, 0.0)),
    ("mr_gsm8k", ("model_output_solution_first_error_step",), 3.0, (1.0, 1.0, 0.0)),
    ("prm800k_steps", ("rating",), 1, (None, None, 1.0)),
    ("mathcheck", ("answer",), "Step 1", (0.0, None)),
    ("mathcheck", ("answer",), "step 2.", (1.0, 0.0)),
    ("visual_process_bench", ("response", "process_correctness"), [-1, 1, 1], (0.0, 1.0, 1.0)),
    ("agent_process_bench", ("step_labels",), {"2": -1, "4": 1}, (0.0, 1.0)),
    ("agent_process_bench", ("step_labels",), {"4": -1, "2": None}, (None, 0.0)),
    ("agent_process_bench", ("step_labels",), [None, None, -1, None, 1], (0.0, 1.0)),
]


@pytest.mark.parametrize(("name", "path", "value", "labels"), MOVED)
def test_a_label_that_is_moved_moves_with_its_step(name, path, value, labels):
    row = copy.deepcopy(GOLDEN[name][0])
    place = row
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert only(name, row).step_labels() == labels


REFUSED = [
    ("openrlhf", {"value": ["+"]}, "value"),
    ("openrlhf", {"value": ["+", "-", "+"]}, "value"),
    ("openrlhf", {"value": ["+", "?"]}, "value[1]"),
    ("openrlhf", {"value": [0.5, 1.5]}, "value[1]"),
    ("openrlhf", {"value": None}, "value"),
    ("er_prm", {"value": [0.5]}, "value"),
    ("er_prm", {"value": [0.5, 0.5, 0.5]}, "value"),
    ("openr", {"label": ["+", "-", "+"]}, "label"),
    ("openr", {"process": "a\n\n\n\n\nb\n\n\n\n\nc"}, "label"),
    ("thinkprm", {"gt_step_labels": ["+"]}, "gt_step_labels"),
    ("thinkprm", {"gt_step_labels": ["+", "-", "-"]}, "gt_step_labels"),
    ("thinkprm", {"gt_step_labels": []}, "gt_step_labels"),
    ("eurus_prm", {"label": 0.5}, "label"),
    ("eurus_prm", {"response": [{"role": "user", "content": "q"}] * 3}, "response"),
    ("mr_gsm8k", {"model_output_solution_first_error_step": 0}, "first_error_step"),
    ("mr_gsm8k", {"model_output_solution_first_error_step": "4"}, "first_error_step"),
    ("mr_gsm8k", {"model_output_solution_correctness": "correct"}, "first_error_step"),
    ("mr_gsm8k", {"model_output_solution_correctness": None}, "solution_correctness"),
    ("mr_gsm8k", {"model_output_answer_correctness": "perhaps"}, "answer_correctness"),
    ("mr_gsm8k", {"model_output_steps": "a, b"}, "model_output_steps"),
    ("prm800k_steps", {"rating": 2}, "rating"),
    ("prm800k_steps", {"next_response": None}, "steps"),
    ("mathcheck", {"answer": "Step 3"}, "answer"),
    ("mathcheck", {"answer": "Step 0"}, "answer"),
    ("mathcheck", {"answer": "Correct"}, "answer"),
    ("mathcheck", {"task_type": "guessing"}, "task_type"),
    ("verify_cot", {"flag": 2}, "flag"),
    ("verify_cot", {"answer": "no blocks"}, "answer"),
    ("visual_process_bench", {"response": {"steps": ["a"], "process_correctness": []}}, "response"),
    ("visual_process_bench", {"response": "no JSON"}, "response"),
    ("agent_process_bench", {"step_labels": {"3": 1}}, "step_labels"),
    ("agent_process_bench", {"step_labels": {"2": 1, "5": 1}}, "step_labels"),
    ("agent_process_bench", {"step_labels": [1, -1]}, "step_labels"),
    ("agent_process_bench", {"step_labels": {"2": 2}}, "rating"),
    ("agent_process_bench", {"final_label": 3}, "final_label"),
]


@pytest.mark.parametrize(("name", "change", "field"), REFUSED)
def test_labels_that_do_not_fit_their_steps_are_refused_with_line_and_field(name, change, field):
    with pytest.raises(InputError) as caught:
        read(name, {**GOLDEN[name][0], **change})
    assert (caught.value.file, caught.value.line) == HERE
    assert field in caught.value.field and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", GOLDEN)
def test_converted_to_our_own_format_and_back_nothing_is_lost(name, tmp_path):
    formats.write_jsonl(tmp_path / "in.jsonl", [GOLDEN[name][0]])
    report = convert(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "prm_jax")
    assert (report["from"], report["rows_written"], report["lost"]) == (name, 1, {})
    assert formats.read(tmp_path / "out.jsonl") == [GOLDEN[name][1]]


@pytest.mark.parametrize("name", GOLDEN)
def test_parquet_a_json_list_and_a_folder_give_what_json_lines_give(name, tmp_path):
    pytest.importorskip("fsspec")
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    row, expected = GOLDEN[name]
    where = {"table.parquet": None, "list.json": json.dumps([row, row], indent=1)}
    folder = tmp_path / "folder"
    folder.mkdir()
    for file, text in {**where, "folder/a.jsonl": json.dumps(row)}.items():
        path = tmp_path / file
        if text is None:
            pq.write_table(pa.Table.from_pylist([row, row]), path)
        else:
            path.write_text(text)
    for file, n in (("table.parquet", 2), ("list.json", 2), ("folder", 1)):
        found = formats.read(tmp_path / file)
        assert [(t.problem, t.steps, t.step_labels(), t.outcome) for t in found] == [
            (expected.problem, expected.steps, expected.step_labels(), expected.outcome)
        ] * n


def test_openrlhf_takes_one_value_for_one_tag_and_labels_under_either_name():
    assert only("openrlhf", {"input": "q? a ки", "value": 0.25}).labels == (0.25,)
    assert only("openrlhf", {"input": TAGGED, "label": [True, False]}).labels == (1.0, 0.0)
    assert only("openrlhf", {"input": TAGGED, "value": ["+", None]}).labels == (1.0, None)


def test_openrlhf_rows_written_read_back_with_soft_labels():
    soft = only("openrlhf", {"input": TAGGED, "value": [0.25, 1]})
    for trajectory in (soft, GOLDEN["openrlhf"][1]):
        assert read("openrlhf", formats.FORMATS["openrlhf"].write(trajectory)) == [trajectory]


@pytest.mark.parametrize("name", ["openrlhf", "er_prm"])
def test_a_tag_inside_the_question_takes_its_label_with_it(name):
    text = {"openrlhf": "input", "er_prm": "text"}[name]
    row = {text: "How ки many? Step 1: a ки\nStep 2: b ки", "value": [0.5, 0.25, 0.75]}
    assert only(name, row).labels == (0.25, 0.75)


@pytest.mark.parametrize("name", ["openrlhf", "er_prm"])
def test_a_question_without_any_mark_needs_a_joiner(name):
    text = {"openrlhf": "input", "er_prm": "text"}[name]
    row = {text: "Compute 2+3.\nFirst, 5 ки\nso 5 ки", "value": [1, 0]}
    with pytest.raises(InputError, match="joiner"):
        read(name, row)
    found = only(name, row, joiner="\n")
    assert (found.problem, found.steps) == ("Compute 2+3.", ("First, 5", "so 5"))
    with pytest.raises(InputError, match="no regex"):
        read(name, row, joiner="(")


def test_er_prm_joins_n_steps_with_one_tag_less():
    row = {"text": "q? Step 1: a ки\nStep 2: b", "value": [0.9, 0.2]}
    assert only("er_prm", row).labels == (0.9, 0.2)
    assert only("er_prm", {"text": "q? Step 1: a", "value": [0.4]}).labels == (0.4,)
    unlabelled = only("er_prm", {"text": "q? Step 1: a ки\nStep 2: b", "value": [0.9]})
    assert unlabelled.labels == (0.9, None)
    with pytest.raises(InputError, match="value"):
        read("openrlhf", {"input": row["text"], "value": row["value"]})


def test_openr_one_label_is_that_of_the_last_step_and_can_be_masked():
    row = {**GOLDEN["openr"][0], "label": ["-"]}
    assert only("openr", row).labels == (None, 0.0)
    assert only("openr", row, single="masked").labels == (None, None)
    with pytest.raises(InputError, match="single"):
        read("openr", row, single="first")


def test_openr_steps_end_at_tags_of_either_kind_or_blank_lines():
    row = {"question": "q", "process": "Step 1: a ки\nStep 2: b\n\nmore ки", "labels": [1, 0]}
    assert only("openr", row).steps == ("Step 1: a", "Step 2: b\n\nmore")
    assert only("openr", row).labels == (1.0, 0.0)
    row = {"question": "q", "process": "a\n\nb\n\nc", "label": ["+"]}
    assert only("openr", row).labels == (None, None, 1.0)
    assert only("openr", {"question": "q", "process": "a ки", "label": 0}).labels == (0.0,)


def test_thinkprm_labels_may_end_at_their_first_error_only():
    row = {**GOLDEN["thinkprm"][0], "prefix_steps": ["a", "b", "c"]}
    assert only("thinkprm", {**row, "gt_step_labels": ["+", "-"]}).labels == (1.0, 0.0, None)
    for labels in (["+", "+"], ["-", "-"], ["-", "+"]):
        with pytest.raises(InputError, match="gt_step_labels"):
            read("thinkprm", {**row, "gt_step_labels": labels})


@pytest.mark.parametrize(("label", "last"), [(True, 1.0), (0, 0.0)])
def test_eurus_stage_2_labels_the_last_step_and_the_steps_before_are_right(label, last):
    row = {**GOLDEN["eurus_prm"][0], "label": label}
    second = Where("EurusPRM-Stage2-Data/0000.parquet", 1)
    for found in (only("eurus_prm", row, second), only("eurus_prm", row, stage="2")):
        assert (found.labels, found.outcome) == ((1.0, last), None)
    assert only("eurus_prm", row, second, stage="1").outcome == last


def test_mr_gsm8k_not_applicable_means_right_only_where_the_solution_is_right():
    row = {**GOLDEN["mr_gsm8k"][0], "model_output_solution_first_error_step": "N/A"}
    wrong_somewhere = only("mr_gsm8k", row)
    assert wrong_somewhere.step_labels() == (None, None, None)
    assert (wrong_somewhere.first_error, wrong_somewhere.outcome) == (None, 1.0)
    row["model_output_solution_correctness"] = "correct"
    assert only("mr_gsm8k", row).step_labels() == (1.0, 1.0, 1.0)


def test_mr_gsm8k_steps_may_be_the_text_of_a_list():
    row = {**GOLDEN["mr_gsm8k"][0], "model_output_steps": '["a", \'b\', "c"]'}
    assert only("mr_gsm8k", row).steps == ("a", "b", "c")


def test_prm800k_steps_of_people_are_right_and_neutral_is_an_option():
    row = GOLDEN["prm800k_steps"][0]
    human = {**row, "rating": None, "is_human_response": True, "responses": []}
    assert only("prm800k_steps", human).labels == (1.0,)
    assert only("prm800k_steps", {**row, "rating": None}).labels == (None, None, None)
    neutral = {**row, "rating": 0, "is_solution": True}
    assert only("prm800k_steps", neutral).labels[-1] == 1.0
    assert only("prm800k_steps", neutral).outcome == 1.0
    assert only("prm800k_steps", neutral, neutral="negative").labels[-1] == 0.0
    assert only("prm800k_steps", neutral, neutral="masked").labels[-1] is None


def test_mathcheck_outcomes_are_no_labels_and_tasks_without_solution_give_nothing():
    row = {**GOLDEN["mathcheck"][0], "task_type": "outcome_judging", "answer": "Incorrect"}
    found = only("mathcheck", row)
    assert (found.outcome, found.step_labels()) == (0.0, (None, None))
    for task in ("solving", "answerable_judging"):
        assert read("mathcheck", {**row, "task_type": task, "solution": None}) == []
    with pytest.raises(InputError, match="2 steps"):
        twice = {**GOLDEN["mathcheck"][0], "solution": "Step 1: a\nStep 1: b", "answer": "Step 1"}
        read("mathcheck", twice)


def test_reasoneval_counts_steps_of_several_lines_from_one():
    found = only("reasoneval", MR_MATH)
    assert found.steps == ("1. a", "2. b\nmore", "3. c")
    assert (found.first_error, found.outcome, found.gold) == (1, 1.0, "52")
    assert found.source == "reasoneval/invalid" and found.meta["generator"] == "g"
    with pytest.raises(InputError, match="first_error_step"):
        read("reasoneval", {**MR_MATH, "model_output_solution_first_error_step": 4})


@pytest.mark.parametrize(
    ("neutral", "labels"),
    [("positive", (1.0, 1.0)), ("negative", (1.0, 0.0)), ("masked", (1.0, None))],
)
def test_reasoneval_redundant_steps_are_right_unless_asked_otherwise(neutral, labels):
    assert only("reasoneval", REDUNDANT, neutral=neutral).labels == labels
    with pytest.raises(InputError, match="rating"):
        read("reasoneval", {**REDUNDANT, "rating": [1]})


def test_reasoneval_perturbed_steps_count_from_zero_and_reordering_labels_nothing():
    found = only("reasoneval", PERTURBED)
    assert (found.steps, found.first_error) == (("a", "B", "c"), 1)
    assert only("reasoneval", {**PERTURBED, "tags": 0}).first_error == 0
    for kind, tags in (("swap steps", [0, 1]), ("remove step", 1), ("repeat step", 1)):
        moved = only("reasoneval", {**PERTURBED, "error_type": kind, "tags": tags})
        assert moved.step_labels() == (None, None, None) and moved.meta["tags"] == tags
    reference, hypothesis = read("reasoneval", PERTURBED, solution="both")
    assert reference.step_labels() == (1.0, 1.0, 1.0) and reference.group == hypothesis.group
    for tags in (3, -1, None):
        with pytest.raises(InputError, match="tags"):
            read("reasoneval", {**PERTURBED, "tags": tags})


def test_search_and_learn_scores_stay_with_their_steps():
    one, two, three = read("search_and_learn", SAL)
    assert one.meta["scores"] == [0.9, 0.8] and one.answer == "\\frac{1}{2}"
    assert two.steps == ("b", "c") and two.meta["scores"] == [0.7, 0.6]  # the blank piece goes
    assert three.steps == ("d", "e") and three.meta["scores"] == [0.4, 0.3]  # cut at lines
    assert [t.meta["agg_scores"] for t in (one, two, three)] == [0.8, 0.6, 0.3]
    assert {t.group for t in (one, two, three)} == {"t/1.json"} and one.gold == "5"
    assert "completions@1" not in one.meta and one.meta["pred_naive@1"] == "5"


def test_search_and_learn_without_scores_or_with_one_a_solution():
    rows = read("search_and_learn", {**SAL, "scores": None})
    assert [len(t.steps) for t in rows] == [2, 2, 1] and "scores" not in rows[0].meta
    assert read("search_and_learn", {**SAL, "scores": [0.5, [0.25], 0.1]})[1].meta["scores"] == 0.25
    with pytest.raises(InputError, match=r"scores\[0\]"):
        read("search_and_learn", {**SAL, "scores": [[0.1] * 5, [0.1], [0.1]]})
    with pytest.raises(InputError, match="2 entries for 3 completions"):
        read("search_and_learn", {**SAL, "scores": [[0.1], [0.1]]})
    cut = {**SAL, "completions": ["a#b#c"], "scores": [[0.1, 0.2, 0.3]], "preds": ["7"]}
    (found,) = read("search_and_learn", cut, separator="#")
    assert found.steps == ("a", "b", "c") and found.answer == "7"


def test_search_and_learn_completions_may_be_objects_or_stand_under_a_prompt():
    row = {"problem": "p", "completions": [{"text": "a\n\nb", "scores": [0.5, 0.25], "n": 3}]}
    (found,) = read("search_and_learn", row)
    assert found.steps == ("a", "b") and found.meta == {"scores": [0.5, 0.25], "n": 3}
    row = {"prompt": "p", "completions": ["a", "b"], "scores": [[0.5], [0.25]]}
    assert formats.detected(row).NAME == "search_and_learn"
    assert [t.problem for t in read("search_and_learn", row)] == ["p", "p"]
    assert formats.detected({**row, "scores": [0.5, 0.25]}).NAME == "trl"


def as_floats(value):
    """The value as a table holds it that writes integers beside nulls."""
    if isinstance(value, dict):
        return {key: as_floats(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [as_floats(entry) for entry in value]
    return float(value) if type(value) is int else value


@pytest.mark.parametrize(("name", "row"), WHOLE)
def test_whole_floats_are_read_as_the_integers_they_stand_for(name, row):
    for found, expected in zip(read(name, as_floats(row)), read(name, row), strict=True):
        assert {**found.to_dict(), "meta": 0} == {**expected.to_dict(), "meta": 0}


def test_strict_prmbench_pools_traces_and_edits():
    one, two = read("strict_prmbench", POOL)
    assert (one.id, one.group, one.outcome, one.gold) == (
        "gsm8k_002/0",
        "gsm8k_002",
        1.0,
        "70000",
    )
    assert two.steps == ("y", "end") and (two.answer, two.outcome) == ("000", 0.0)
    trace = {**POOL["candidates"][0], "problem_id": "gsm8k_002"}
    assert formats.detected(trace).NAME == "strict_prmbench"
    assert only("strict_prmbench", trace).steps == ("x", "end")
    edit = {"pair_id": "m::inert", "deleted_step_index_0based": 1}
    edit |= {"original_trace": trace, "modified_trace": {**trace, "steps": trace["steps"][:1]}}
    assert formats.detected(edit).NAME == "strict_prmbench"
    clean, modified = read("strict_prmbench", edit)
    assert (clean.id, modified.id) == ("m::inert/clean", "m::inert/modified")
    assert (clean.steps, modified.steps) == (("x", "end"), ("x",))
    shuffled = copy.deepcopy(POOL)
    shuffled["candidates"][1]["steps"].reverse()
    with pytest.raises(InputError, match=r"candidates\[1\].steps\[0\]"):
        read("strict_prmbench", shuffled)


@pytest.mark.parametrize(
    ("label", "outcomes"),
    [("A>B", [1.0, 0.0]), ("B>A", [0.0, 1.0]), (None, [None, None])],
)
def test_judgebench_the_better_response_is_the_right_one(label, outcomes):
    found = read("judgebench", {**JUDGED, "label": label})
    assert [t.outcome for t in found] == outcomes
    assert [t.id for t in found] == ["e3/A", "e3/B"] and {t.group for t in found} == {"e3"}
    assert [t.steps for t in found] == [("a", "b"), ("c",)]
    with pytest.raises(InputError, match="label"):
        read("judgebench", {**JUDGED, "label": "A"})


def test_agent_observations_can_be_left_out_and_calls_may_be_text():
    row = copy.deepcopy(GOLDEN["agent_process_bench"][0])
    assert only("agent_process_bench", row, observations="none").steps[1] == "x"
    call = row["messages"][2]
    call["tool_calls"] = json.dumps(call["tool_calls"])
    assert only("agent_process_bench", row).steps[0] == 'search({"q": 1})'
    assert only("agent_process_bench", {**row, "question": None}).problem == "task, please"
    call["tool_calls"] = "[]"
    with pytest.raises(InputError, match=r"messages\[2\]"):
        read("agent_process_bench", row)


def test_verify_cot_a_chain_with_a_mistake_somewhere_is_unlabelled_and_samples_compete():
    row = GOLDEN["verify_cot"][0]
    found = only("verify_cot", {**row, "flag": 0})
    assert (found.step_labels(), found.outcome) == ((None, None), 1.0)
    sampled = {"question": "q", "final_answer": "7", "example_idx": 4}
    sampled |= {"model_outputs": [row["answer"]] * 2, "pred_answers": [7, 8]}
    sampled["per_sample_correct"] = [True, False]
    assert formats.detected(sampled).NAME == "verify_cot"
    one, two = read("verify_cot", sampled)
    assert (one.outcome, two.outcome, two.answer) == (1.0, 0.0, "8")
    assert one.group == two.group and one.step_labels() == (None, None)


def test_visual_process_bench_takes_a_response_that_is_text_and_says_what_it_did_not_read():
    row, expected = GOLDEN["visual_process_bench"]
    as_text = {**row, "response": json.dumps(row["response"]), "image": "1.png"}
    assert formats.detected(as_text).NAME == "visual_process_bench"
    found = only("visual_process_bench", as_text, neutral="masked")
    assert found.labels == (1.0, 0.0, None) and found.steps == expected.steps
    assert found.meta["images_not_read"] == 1 and "image" not in found.meta


def test_socratic_prmbench_keeps_its_own_name_and_counts_from_one():
    assert formats.detected(SOCRATIC).NAME == "socratic_prmbench"
    found = only("socratic_prmbench", SOCRATIC)
    assert found.labels == (1.0, 0.0, 1.0) and found.first_error == 1
    assert found.source == "socratic_prmbench/Premise Unsoundness"
    assert found.meta["reason"] == "r" and found.problem == "q"
    with_tags = {k: v for k, v in SOCRATIC.items() if k != "classification"}
    assert formats.detected(with_tags).NAME == "socratic_prmbench"
    assert only("socratic_prmbench", with_tags).source == "socratic_prmbench/file"
    past = only("socratic_prmbench", {**SOCRATIC, "error_steps": [2, 9]})
    assert past.labels == (1.0, 0.0, 1.0)  # as PRMBench's evaluator: 9 says nothing
    assert "socratic" in formats.FORMATS["socratic_prmbench"].remark(past, HERE)
    other = {**SOCRATIC, "classification": "circular", "modified_process": ["a", "b", "c"]}
    assert formats.detected(other).NAME == "prmbench"


def test_socratic_prmbench_original_processes_are_right():
    row = {**SOCRATIC, "original_process": ["x", "y"], "original_question": "o"}
    original, modified = read("socratic_prmbench", row, process="both")
    assert (original.problem, original.labels) == ("o", (1.0, 1.0))
    assert original.group == modified.group
    with pytest.raises(InputError, match="original_process"):
        read("socratic_prmbench", SOCRATIC, process="original")


JUNK = [None, True, -1, 0, 2, 0.5, 1e300, 10**400, "", "x", "ки", "N/A", "[", "1e5", "²", "step 9"]
JUNK += [[], [None], [[]], {}, {"a": 1}, [{}], {"steps": [None]}, float("nan"), float("inf")]


def test_rows_damaged_at_any_depth_are_read_or_refused_but_never_crash():
    rng = random.Random(0)
    for _ in range(3000):
        name, row = rng.choice(WHOLE)
        row = place = copy.deepcopy(row)
        for _ in range(rng.randrange(4)):  # go some way down, then damage what is there
            values = place.values() if isinstance(place, dict) else place
            inner = [value for value in values if isinstance(value, dict | list) and value]
            place = rng.choice(inner) if inner else place
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        place[key] = rng.choice(JUNK)
        formats.detected(row)
        try:
            found = formats.FORMATS[name].read(row, HERE)
        except InputError as error:
            assert (error.file, error.line) == HERE and "\n" not in str(error)
        else:
            assert all(isinstance(trajectory, Trajectory) for trajectory in found)


@pytest.mark.parametrize(("name", "row"), WHOLE)
def test_a_null_field_names_nothing_none(name, row):
    inner = [value for value in row.values() if isinstance(value, dict)]
    for place in (row, *inner):  # as columns of a table are null where a row has no such field
        for key in list(place):
            kept, place[key] = place[key], None
            try:
                found = formats.FORMATS[name].read(copy.deepcopy(row), HERE)
            except InputError:
                found = []
            finally:
                place[key] = kept
            for t in found:
                named = [text for text in (t.id, t.group, t.source) if text is not None]
                assert not any("None" in text.split("/") for text in named), key


def test_columns_of_another_layout_that_are_null_do_not_hide_a_row():
    trace = {**POOL["candidates"][0], "problem_id": "gsm8k_002", "candidates": None}
    found = only("strict_prmbench", {**trace, "original_trace": None, "modified_trace": None})
    assert found.id == "gsm8k_002" and found.steps == ("x", "end")
    row, expected = GOLDEN["verify_cot"]
    found = only("verify_cot", {**row, "model_outputs": None, "per_sample_correct": None})
    assert found.steps == expected.steps and found.first_error == expected.first_error
