"""Foreign formats: odd rows survive, labels land on the right step, bad rows are named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory, Where, read_jsonl


def jsonl(tmp_path, *rows, name="in.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rated(text, rating):
    return {"text": text, "rating": rating, "flagged": False}


PRM800K = {
    "labeler": "x",
    "generation": None,
    "question": {"problem": "1 + 1?", "ground_truth_answer": "2"},
    "label": {
        "steps": [
            {
                "completions": [rated("right", 1), rated("wrong", -1)],
                "human_completion": None,
                "chosen_completion": 0,
            },
            {
                "completions": [rated("so-so", 0)],
                "human_completion": None,
                "chosen_completion": 0,
            },
            {
                "completions": None,
                "human_completion": rated("by hand", None),
                "chosen_completion": None,
            },
            {
                "completions": [rated("unrated", None), rated("bad", -1)],
                "human_completion": None,
                "chosen_completion": None,
            },
        ],
        "total_time": 1,
        "finish_reason": "give_up",
    },
}
MATH_SHEPHERD = {
    "input": "Janet has 3 eggs. How many? Step 1: She has 3. ки\nStep 2: So 4. ки",
    "label": "Janet has 3 eggs. How many? Step 1: She has 3. +\nStep 2: So 4. -",
    "task": "GSM8K",
}
PROCESSBENCH = {
    "id": "gsm8k-0",
    "split": "gsm8k",
    "generator": "m",
    "problem": "p",
    "steps": ["a", "b", "c"],
    "final_answer_correct": False,
    "label": 1,
    "Some-PRM": [0.9, 0.1, 0.2],
}
RLHFLOW = {
    "conversations": [
        {"role": "user", "content": "What is 1+1? Step 1: add."},
        {"role": "assistant", "content": "+"},
        {"role": "user", "content": "Step 2: 3."},
        {"role": "assistant", "content": "-"},
    ]
}
TRL = {"prompt": "p", "completions": ["a", "b"], "labels": [True, 0.25]}
MR_BEN = {
    "Question_UUID": "u",
    "Subject": "physics",
    "Question": "q",
    "Options": "A: 1 \nB: 2",
    "Ground_Truth_Answer": "A",
    "Sampled_Model": "m",
    "Model_Solution_Steps": ["Step 1: a", "", "Step 2: b", "more of b", "Step 3: c"],
    "Model_Solution_Correctness": "incorrect",
    "Model_Solution_First_Error_Step": "3",
}
CANDIDATES = {
    "id": "g",
    "problem": "p",
    "gold": "1",
    "candidates": [
        {"steps": ["a"], "answer": "1", "correct": False, "regraded": True, "scores": {"m": [0.5]}},
        {"steps": ["b"], "answer": "2", "correct": False},
    ],
}
OWN = {"problem": "p", "steps": ["a", "b"], "labels": [1, None]}
ROWS = {
    "prm800k": PRM800K,
    "math_shepherd": MATH_SHEPHERD,
    "processbench": PROCESSBENCH,
    "rlhflow": RLHFLOW,
    "trl": TRL,
    "mr_ben": MR_BEN,
    "candidates": CANDIDATES,
    "prm_jax": OWN,
}


@pytest.mark.parametrize("name", ROWS)
def test_each_format_is_recognised_by_its_first_row(tmp_path, name):
    assert formats.detect(jsonl(tmp_path, ROWS[name])) == name


def test_prm800k_follows_the_chosen_steps_and_survives_nulls(tmp_path):
    (found,) = formats.read(jsonl(tmp_path, PRM800K))
    assert found.steps == ("right", "so-so", "by hand")
    assert found.labels == (1.0, 1.0, 1.0) and found.gold == "2"


@pytest.mark.parametrize(
    ("neutral", "label"), [("positive", 1.0), ("negative", 0.0), ("masked", None)]
)
def test_prm800k_neutral_ratings_are_read_as_told(tmp_path, neutral, label):
    (found,) = formats.read(jsonl(tmp_path, PRM800K), neutral=neutral)
    assert found.labels[1] == label


def test_prm800k_alternatives_label_only_their_last_step(tmp_path):
    found = formats.read(jsonl(tmp_path, PRM800K), alternatives=True)
    assert [t.steps[-1] for t in found] == ["by hand", "wrong", "bad"]
    assert [t.labels for t in found[1:]] == [(0.0,), (None, None, None, 0.0)]


def test_prm800k_phase_two_ends_with_its_only_completion_unchosen(tmp_path):
    row = json.loads(json.dumps(PRM800K))
    row["label"]["steps"][3]["completions"] = [rated("bad", -1)]
    (found,) = formats.read(jsonl(tmp_path, row))
    assert found.steps[-1] == "bad" and found.labels[-1] == 0.0


def test_prm800k_phase_two_ends_with_the_step_that_the_solution_had(tmp_path):
    row = json.loads(json.dumps(PRM800K))
    row["question"]["pre_generated_steps"] = ["right", "so-so", "by hand", "bad"]
    (found,) = formats.read(jsonl(tmp_path, row))
    assert found.steps[-1] == "bad" and found.labels[-1] == 0.0
    found = formats.read(jsonl(tmp_path, row), alternatives=True)
    assert [t.steps[-1] for t in found] == ["bad", "wrong"]


def test_prm800k_rows_that_were_given_up_at_once_give_nothing(tmp_path):
    row = {**PRM800K, "label": {"steps": [], "finish_reason": "give_up"}}
    assert formats.read(jsonl(tmp_path, row)) == []


def test_math_shepherd_signs_land_on_their_steps_although_tag_and_sign_differ_in_length(tmp_path):
    (found,) = formats.read(jsonl(tmp_path, MATH_SHEPHERD))
    assert found.problem == "Janet has 3 eggs. How many?"
    assert found.steps == ("She has 3.", "So 4.") and found.labels == (1.0, 0.0)


def test_math_shepherd_dirty_rows(tmp_path):
    in_question = {
        "input": "How ки many? Step 1: a ки\nStep 2: b ки",
        "label": "How + many? Step 1: a -\nStep 2: b +",
    }
    lower_case = {"input": "Why? step 1: a ки", "label": "Why? step 1: a -"}
    no_header = {"input": "Why? a ки\nb ки", "label": "Why? a +\nb -"}
    one, two, three = formats.read(jsonl(tmp_path, in_question, lower_case, no_header))
    assert (one.problem, one.steps, one.labels) == ("How  many?", ("a", "b"), (0.0, 1.0))
    assert (two.steps, two.labels) == (("a",), (0.0,))
    assert (three.problem, three.steps, three.labels) == ("Why?", ("a", "b"), (1.0, 0.0))


def test_math_shepherd_text_after_the_last_tag_is_an_unlabelled_step(tmp_path):
    row = {"input": "Why? Step 1: a ки\nStep 2: b", "label": "Why? Step 1: a -\nStep 2: b"}
    (found,) = formats.read(jsonl(tmp_path, row))
    assert found.steps == ("a", "b") and found.labels == (0.0, None)


def test_math_shepherd_row_whose_label_does_not_match_is_refused(tmp_path):
    shifted = {**MATH_SHEPHERD, "label": MATH_SHEPHERD["label"].replace("3. +", "3 .+")}
    with pytest.raises(InputError, match="tag 1"):
        formats.read(jsonl(tmp_path, shifted))


def test_processbench_labels_stop_at_the_first_error_and_scores_are_kept(tmp_path):
    (found,) = formats.read(jsonl(tmp_path, PROCESSBENCH))
    assert (found.first_error, found.outcome, found.source) == (1, 0.0, "gsm8k")
    assert found.step_labels() == (1.0, 0.0, None)
    assert found.meta["Some-PRM"] == [0.9, 0.1, 0.2] and found.meta["split"] == "gsm8k"


def test_rlhflow_separates_problem_and_first_step(tmp_path):
    (found,) = formats.read(jsonl(tmp_path, RLHFLOW))
    assert found.problem == "What is 1+1?"
    assert found.steps == ("Step 1: add.", "Step 2: 3.") and found.labels == (1.0, 0.0)


def test_rlhflow_stored_answers_become_candidates(tmp_path):
    row = {"prompt": "p", "answers": ["a\n\nb", "c"], "label": [1, 0]}
    one, two = formats.read(jsonl(tmp_path, row))
    assert one.steps == ("a", "b") and (one.outcome, two.outcome) == (1.0, 0.0)
    assert one.group == two.group


def test_trl_soft_labels_are_not_rounded(tmp_path):
    (found,) = formats.read(jsonl(tmp_path, TRL))
    assert found.labels == (1.0, 0.25)
    (rated_,) = formats.read(jsonl(tmp_path, {**TRL, "labels": [-1, 0]}), ratings=True)
    assert rated_.labels == (0.0, 1.0)


def test_mr_ben_first_error_is_found_by_header_across_blank_and_continued_entries(tmp_path):
    (found,) = formats.read(jsonl(tmp_path, MR_BEN))
    assert found.steps == ("Step 1: a", "Step 2: b\nmore of b", "Step 3: c")
    assert found.first_error == 2 and found.problem == "q\nA: 1 \nB: 2"


def test_mr_ben_published_layout_is_one_object_of_lists(tmp_path):
    right = {**MR_BEN, "Model_Solution_Correctness": "correct"}
    right["Model_Solution_First_Error_Step"] = "N/A"
    path = tmp_path / "physics.json"
    path.write_text(json.dumps({"u": [MR_BEN, right], "v": [MR_BEN]}, indent=1))
    assert [t.first_error for t in formats.read(path)] == [2, -1, 2]


def test_mr_ben_coding_errors_are_quoted_lines(tmp_path):
    code = {**MR_BEN, "Model_Solution_Steps": "def f():\n\n    x = 1\n    return x"}
    code["Model_Solution_First_Error_Step"] = "    x = 1"
    (found,) = formats.read(jsonl(tmp_path, code))
    assert found.steps[found.first_error] == "    x = 1"


def test_mr_ben_solution_line_is_the_step_after_the_last_number(tmp_path):
    row = {**MR_BEN, "Model_Solution_Steps": [*MR_BEN["Model_Solution_Steps"], "Solution: A"]}
    (found,) = formats.read(jsonl(tmp_path, {**row, "Model_Solution_First_Error_Step": "4"}))
    assert found.steps[found.first_error] == "Solution: A"


@pytest.mark.parametrize(
    ("steps", "named"),
    [(["Step 1: a", "Step 1: b"], "1"), ("x = 1\nreturn\ny = 2\nreturn", "return")],
)
def test_mr_ben_errors_that_name_two_steps_are_refused(tmp_path, steps, named):
    row = {**MR_BEN, "Model_Solution_Steps": steps, "Model_Solution_First_Error_Step": named}
    with pytest.raises(InputError, match="2 steps"):
        formats.read(jsonl(tmp_path, row))


@pytest.mark.parametrize("named", ["4", "no such line", "N/A"])
def test_mr_ben_rows_whose_error_cannot_be_placed_are_refused(tmp_path, named):
    with pytest.raises(InputError, match="First_Error_Step"):
        formats.read(jsonl(tmp_path, {**MR_BEN, "Model_Solution_First_Error_Step": named}))


def test_candidates_compete_in_their_row_and_regrading_wins(tmp_path):
    one, two = formats.read(jsonl(tmp_path, CANDIDATES))
    assert one.group == two.group == "g" and (one.outcome, two.outcome) == (1.0, 0.0)
    assert one.gold == "1" and one.meta["scores"] == {"m": [0.5]}


@pytest.mark.parametrize(
    ("policy", "steps", "labels"),
    [
        ("keep", 4, (1.0, 0.25, 1.0, None)),
        ("truncate", 2, (1.0, 0.25)),
        ("zero", 4, (1.0, 0.25, 0.0, 0.0)),
        ("mask", 4, (1.0, 0.25, None, None)),
    ],
)
def test_labels_after_the_first_error_follow_the_policy(tmp_path, policy, steps, labels):
    row = {"problem": "p", "steps": list("abcd"), "labels": [1, 0.25, 1, None]}
    (found,) = formats.read(jsonl(tmp_path, row), after_error=policy)
    assert len(found.steps) == steps and found.labels == labels


@pytest.mark.parametrize("name", ["prm_jax", "trl", "math_shepherd", "rlhflow"])
def test_written_rows_read_back_with_the_same_steps_and_labels(tmp_path, name):
    trajectory = Trajectory("Is it so?", ("Step 1: a", "Step 2: b"), labels=(1.0, 0.0))
    formats.write(tmp_path / "out.jsonl", [trajectory], name)
    (found,) = formats.read(tmp_path / "out.jsonl", name)
    assert [s[-1] for s in found.steps] == ["a", "b"] and found.labels == (1.0, 0.0)
    assert found.problem == "Is it so?"


def test_processbench_rows_written_read_back_whole(tmp_path):
    (found,) = formats.read(jsonl(tmp_path, PROCESSBENCH))
    formats.write(tmp_path / "out.jsonl", [found], "processbench")
    assert formats.read(tmp_path / "out.jsonl") == [found]


def test_a_format_that_cannot_hold_a_trajectory_says_which(tmp_path):
    with pytest.raises(InputError, match="number 0"):
        formats.write(tmp_path / "out.jsonl", [Trajectory("p", ("a",))], "math_shepherd")
    assert not (tmp_path / "out.jsonl").exists()


def test_bad_rows_are_named_or_set_aside(tmp_path):
    path = jsonl(tmp_path, OWN, {**OWN, "labels": [1]}, OWN)
    with pytest.raises(InputError, match="in.jsonl:2: field 'labels'"):
        formats.read(path)
    rejects = Rejects(tmp_path / "rejects.jsonl")
    assert len(formats.read(path, skip_bad=rejects)) == 2
    rejects.write()
    assert [row["line"] for _, row in read_jsonl(tmp_path / "rejects.jsonl")] == [2]


def test_unknown_formats_options_and_shapes_are_input_errors(tmp_path):
    path = jsonl(tmp_path, OWN)
    for arguments, says in (
        ({"format": "xml"}, "unknown format"),
        ({"neutral": "positive"}, "no option 'neutral'"),
        ({"after_error": "drop"}, "unknown policy"),
    ):
        with pytest.raises(InputError, match=says):
            formats.read(path, **arguments)
    with pytest.raises(InputError, match="fits no known format"):
        formats.read(jsonl(tmp_path, {"x": 1}))
    with pytest.raises(InputError, match="must be an object"):
        formats.read(jsonl(tmp_path, [1]))


def test_truncating_steps_drops_the_outcome_of_the_whole(tmp_path):
    row = {**OWN, "labels": [0, 1], "outcome": 1, "answer": "2"}
    (found,) = formats.read(jsonl(tmp_path, row), after_error="truncate")
    assert (found.outcome, found.answer) == (None, None)
    whole = {**row, "labels": [1, 0]}
    assert formats.read(jsonl(tmp_path, whole), after_error="truncate")[0].outcome == 1.0


junk = st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=3) | st.just([{}])
junk |= st.lists(st.text(max_size=2) | st.none(), max_size=2) | st.just({"steps": [None]})


@given(st.sampled_from(list(ROWS)), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_rows_are_read_or_refused_but_never_crash(name, data):
    row = json.loads(json.dumps(ROWS[name]))
    place = row
    for _ in range(data.draw(st.integers(0, 3))):  # damage a field at some depth
        inner = [key for key in _keys(place) if isinstance(place[key], dict | list) and place[key]]
        if not inner:
            break
        place = place[data.draw(st.sampled_from(inner))]
    place[data.draw(st.sampled_from(_keys(place)))] = data.draw(junk)
    try:
        found = formats.FORMATS[name].read(row, Where("f.jsonl", 1))
    except InputError as error:
        assert error.file == "f.jsonl" and error.line == 1
    else:
        assert all(isinstance(trajectory, Trajectory) for trajectory in found)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_without_fields_is_refused_by_every_format(name):
    with pytest.raises(InputError, match="f.jsonl:1"):
        formats.FORMATS[name].read({}, Where("f.jsonl", 1))


def _keys(place):
    return list(place) if isinstance(place, dict) else list(range(len(place)))


def test_a_json_file_may_be_lines_a_list_or_one_row(tmp_path):
    path = tmp_path / "in.json"
    for text in (
        json.dumps(OWN) + "\n" + json.dumps(OWN),
        json.dumps([OWN, OWN], indent=1),
        json.dumps(OWN, indent=1),
    ):
        path.write_text(text)
        assert all(found.steps == ("a", "b") for found in formats.read(path))
    path.write_text(json.dumps([OWN, OWN], indent=1)[:-20])
    with pytest.raises(InputError, match="not JSON") as caught:
        formats.read(path)
    assert caught.value.line > 1
    for text in ("[]", "{}", ""):
        path.write_text(text)
        with pytest.raises(InputError):
            formats.read(path)


def test_directories_globs_and_lists_are_read_in_order(tmp_path):
    for name in ("b.jsonl", "a.jsonl"):
        jsonl(tmp_path, {**OWN, "id": name}, name=name)
    names = ["a.jsonl", "b.jsonl"]
    assert [t.id for t in formats.read(tmp_path)] == names
    assert [t.id for t in formats.read(f"{tmp_path}/*.jsonl")] == names
    assert [t.id for t in formats.read([tmp_path / n for n in names])] == names
    with pytest.raises(InputError, match="no file matches"):
        formats.read(f"{tmp_path}/*.csv")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no data"):
        formats.read(empty)
