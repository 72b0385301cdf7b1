"""Multi-RM, Fin-PRM, ReasonFlux-PRM, Qwen's tagged responses and Skywork's lines."""

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.records import Where

MULTI_RM = {
    "q_id": 5,
    "question": "q",
    "cot": ["a", "b", "c"],
    "labels": [1, -1, 1],
    "answer": "A",
    "parsed_answer": "B",
    "category": "law",
}
FIN_PRM = {
    "question": "q",
    "choices": "A or B",
    "trace": "a\n\nb\n\n\n\nc",
    "step_labels": [1, 0, 1, 0],
    "final_answer": "A",
    "trajectory_label": 1,
}
QWEN_PRM = {"problem": "q", "response": "a<extra_0>\n\nb<extra_0>", "labels": [0.25, 1]}


def read(name, row, **options):
    (found,) = formats.FORMATS[name].read(row, Where("f.jsonl", 4), **options)
    return found


def test_multi_rm_only_minus_one_is_wrong_and_answers_give_the_outcome():
    found = read("multi_rm", {**MULTI_RM, "labels": [0, -1, 1]})
    assert found.labels == (1.0, 0.0, 1.0)
    assert (found.outcome, found.gold, found.answer) == (0.0, "A", "B")
    assert (found.source, found.group) == ("multi_rm/law", "5")
    assert read("multi_rm", {**MULTI_RM, "parsed_answer": None}).outcome is None


def test_multi_rm_labels_may_end_at_the_first_error_only():
    assert read("multi_rm", {**MULTI_RM, "labels": [1, -1]}).labels == (1.0, 0.0, None)
    for labels in ([1, 1], [1, 1, 1, 1], [1, 2, 1], [1, "1", 1], [1, True, 1]):
        with pytest.raises(InputError, match="f.jsonl:4: field 'labels"):
            read("multi_rm", {**MULTI_RM, "labels": labels})


@pytest.mark.parametrize("labels", [None, []])
def test_multi_rm_rows_without_labels_are_unlabelled(labels):
    assert read("multi_rm", {**MULTI_RM, "labels": labels}).labels is None


def test_multi_rm_fields_can_be_renamed():
    row = {"prompt": "q", "chain": ["a"], "marks": [-1]}
    found = read("multi_rm", row, question="prompt", steps="chain", labels="marks")
    assert (found.problem, found.steps, found.labels) == ("q", ("a",), (0.0,))


def test_fin_prm_empty_pieces_take_their_labels_with_them():
    found = read("fin_prm", FIN_PRM)
    assert found.steps == ("a", "b", "c") and found.labels == (1.0, 0.0, 0.0)
    assert found.problem == "q\nA or B" and found.answer == "A"


def test_fin_prm_trajectory_label_is_an_outcome_only_on_request():
    found = read("fin_prm", FIN_PRM)
    assert found.outcome is None and found.meta == {"trajectory_label": 1}
    found = read("fin_prm", FIN_PRM, trajectory="outcome")
    assert found.outcome == 1.0 and not found.meta


def test_fin_prm_labels_that_do_not_pair_with_steps_are_refused():
    with pytest.raises(InputError, match="f.jsonl:4: field 'step_labels'"):
        read("fin_prm", {**FIN_PRM, "step_labels": [1, 0]})


def test_qwen_labels_belong_to_tags_and_text_after_the_last_has_none():
    assert read("qwen_prm", QWEN_PRM).steps == ("a", "b")
    assert read("qwen_prm", QWEN_PRM).labels == (0.25, 1.0)
    found = read("qwen_prm", {**QWEN_PRM, "response": "a<extra_0>b<extra_0> c"})
    assert found.steps == ("a", "b", "c") and found.labels == (0.25, 1.0, None)
    with pytest.raises(InputError, match="f.jsonl:4: field 'labels'"):
        read("qwen_prm", {**QWEN_PRM, "labels": [1]})


def test_qwen_rows_without_labels_are_read():
    row = {"problem": "q", "response": "a<extra_0>b<extra_0>"}
    assert read("qwen_prm", row).labels is None
    assert read("qwen_prm", {**row, "response": "a<extra_0>b"}).labels is None


def test_qwen_tag_can_be_another():
    found = read("qwen_prm", {**QWEN_PRM, "response": "a # b #"}, tag="#")
    assert found.steps == ("a", "b")


def test_skywork_steps_are_lines_and_empty_ones_may_have_labels():
    row = {"problem": "q", "response": "a\n\nb\n", "labels": [1, 0]}
    assert read("skywork", row).steps == ("a", "b")
    assert read("skywork", row).labels == (1.0, 0.0)
    assert read("skywork", {**row, "labels": [0.25, 1, 0, 1]}).labels == (0.25, 0.0)
    assert read("skywork", {**row, "labels": None}).labels is None
    for labels in ([1], [1, 0, 1], "10"):
        with pytest.raises(InputError, match="f.jsonl:4: field 'labels'"):
            read("skywork", {**row, "labels": labels})


def test_skywork_cannot_hold_a_step_of_two_lines():
    found = read("qwen_prm", {"problem": "q", "response": "a\nb<extra_0>"})
    with pytest.raises(ValueError, match="several lines"):
        formats.FORMATS["skywork"].write(found)


def test_reasonflux_rewards_stay_soft_and_the_wholes_is_an_outcome_only_on_request():
    row = {"problem": "q", "completion": "a\n\nb", "step_rewards": [0.9, 0.2]}
    row["trajectory_reward"] = 0.75
    found = read("reasonflux", row)
    assert (found.steps, found.labels) == (("a", "b"), (0.9, 0.2))
    assert found.outcome is None and found.meta == {"trajectory_reward": 0.75}
    found = read("reasonflux", {**row, "trajectory_reward": 1}, trajectory="outcome")
    assert found.outcome == 1.0 and not found.meta
    with pytest.raises(InputError, match="field 'step_rewards'"):
        read("reasonflux", {**row, "step_rewards": [1]})
    with pytest.raises(InputError, match="field 'outcome'"):
        read("reasonflux", row, trajectory="outcome")
