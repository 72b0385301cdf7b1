import json
import logging

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory, write_jsonl
from prm_jax.scoring import StepScores, score
from prm_jax.scoring.pairwise import pair_trajectory, pairwise
from prm_jax.scoring.score_file import score_file
from prm_jax.scoring.tournament import METHODS

CANDIDATES = [
    Trajectory("p", ("one", text), id=f"c{i}", group="g") for i, text in enumerate("adcbda")
]
OTHERS = [Trajectory("other", ("x", text), id=f"o{i}", group="h") for i, text in enumerate("ba")]


def by_letter(model, params, tokenizer, trajectories, **options):
    """Prefers the solution whose last letter is later, and the first one of the two a little."""
    found = []
    for trajectory in trajectories:
        _, first, second = trajectory.problem.split(":\n")
        gap = ord(first.split("\n")[1]) - ord(second.split("\n")[1])
        found.append(StepScores.from_logits((gap + 0.5,), False))
    return found


def points(results):
    return [result.step_scores[-1] for result in results]


@pytest.mark.parametrize("method", METHODS)
def test_points_follow_the_comparisons_and_equal_solutions_have_equal_points(method):
    scorer = pairwise(by_letter, method=method, passes=3)
    expected = [0, 1, 2 / 3, 1 / 3, 1, 0]
    results = scorer(0, 0, 0, CANDIDATES)
    assert points(results) == pytest.approx(expected, abs=1e-6)
    assert all(result.step_scores[0] is None and not result.truncated for result in results)


@pytest.mark.parametrize("method", METHODS)
def test_neither_order_nor_other_problems_change_a_score(method, model_and_params, tokenizer):
    scorer = pairwise(score, method=method)
    plain = points(scorer(*model_and_params, tokenizer, CANDIDATES))
    assert len(set(np.round(plain, 6))) > 1
    mixed = [CANDIDATES[4], OTHERS[0], *CANDIDATES[:4], OTHERS[1], CANDIDATES[5]]
    found = points(scorer(*model_and_params, tokenizer, mixed))
    assert [*found[2:6], found[0], found[7]] == plain


def test_the_same_text_in_another_group_does_not_compete():
    alone = [Trajectory("p", ("one", "z"), group=group) for group in "kl"]
    assert points(pairwise(by_letter)(0, 0, 0, alone)) == [0.5, 0.5]


def test_the_number_of_comparisons_is_reported_and_trajectories_are_counted(caplog):
    done = []
    with caplog.at_level(logging.INFO, logger="absl"):
        pairwise(by_letter)(0, 0, 0, [*CANDIDATES, *OTHERS], progress=done.append)
    assert "7 comparisons, 0 of them ties" in caplog.text  # 4 different solutions, and 2
    assert sum(done) == 8


def test_a_comparison_that_does_not_fit_is_a_tie_and_marks_both(model_and_params, tokenizer):
    results = pairwise(score)(*model_and_params, tokenizer, OTHERS, max_length=8)
    assert points(results) == [0.5, 0.5]
    assert all(result.truncated for result in results)


def test_a_comparison_holds_the_problem_and_both_solutions_in_order():
    pair = pair_trajectory(CANDIDATES[0], CANDIDATES[1], label=0.0)
    assert pair.problem == "p\n\nSolution 1:\none\na\n\nSolution 2:\none\nd\n\n"
    assert pair.steps == ("Solution 1 is better than Solution 2.",)
    assert pair.labels == (0.0,)


def test_a_file_is_scored_by_whole_groups_also_after_a_stop(tmp_path, model_directory):
    path, whole, output = (tmp_path / name for name in ("in.jsonl", "whole.jsonl", "out.jsonl"))
    write_jsonl(path, [*CANDIDATES, *OTHERS])
    options = {"scorer": "pairwise", "aggregation": "min"}
    score_file(str(model_directory), path, whole, **options)

    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(str(model_directory), path, output, chunk=2, progress=stop, **options)
    partial = tmp_path / "out.jsonl.partial"
    kept = partial.read_text().splitlines(keepends=True)
    assert len(kept) == 1 + len(CANDIDATES)
    partial.write_text("".join(kept[:4]))  # the lines of a group were being written
    score_file(str(model_directory), path, output, chunk=2, **options)
    assert output.read_text() == whole.read_text()
    assert len({json.loads(line)["score"] for line in output.read_text().splitlines()}) > 2


def test_candidates_that_stand_apart_are_refused(tmp_path, model_directory):
    path = tmp_path / "in.jsonl"
    write_jsonl(path, [CANDIDATES[0], *OTHERS, CANDIDATES[1]])
    with pytest.raises(InputError, match="stand apart"):
        score_file(str(model_directory), path, tmp_path / "out.jsonl", scorer="pairwise")
