"""Scores that published files hold are replayed from the command line, and give figures computed
here by hand."""

import json

import pytest

STEPS = {  # problem -> candidates: (step scores, whether it is right)
    "gsm8k_000": [([0.9, 0.2], False), ([0.6, 0.5], True), ([0.4, 0.95], False)],
    "gsm8k_001": [([0.8], True), ([0.3, 0.9], False), ([0.7, 0.99], False)],
}
# min: candidates 1 (right) and 0 (right); last: 2 (wrong) and 2 (wrong).
BY_HAND = {"min": 1.0, "last": 0.0}


def candidate(scores, right):
    return {
        "problem": {"dataset": "gsm8k", "question": "q", "ground_truth": "1"},
        "steps": [{"index": i, "text": f"s{i}"} for i in range(len(scores))],
        "extracted_answer": "1" if right else "2",
        "is_correct": right,
    }


@pytest.fixture
def pools(tmp_path):
    (tmp_path / "pools").mkdir()
    for name, candidates in STEPS.items():
        row = {"problem_id": name, "candidates": [candidate(*one) for one in candidates]}
        (tmp_path / "pools" / f"{name}.json").write_text(json.dumps(row, indent=1))
    return tmp_path / "pools"


def cache(path, change=lambda rows: rows):
    rows = [
        {"problem_id": name, "candidate_index": i, "step_scores": scores, "prm_name": "m"}
        for name, candidates in STEPS.items()
        for i, (scores, _) in enumerate(candidates)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))
    return path


def best_of_3(command, tmp_path, *arguments):
    out = tmp_path / "result.json"
    ran = command(
        "evaluate",
        "--task=best_of_n",
        "--aggregation=min,last",
        "--n=3",
        "--n_boot=10",
        f"--output={out}",
        *arguments,
    )
    if ran.code:
        return ran.err
    figures = json.loads(out.read_text())["by_n"]["3"]["aggregations"]
    return {name: figure["best_of_n"]["value"] for name, figure in figures.items()}


def test_a_cache_keyed_by_problem_and_candidate_is_joined_in_any_order(command, tmp_path, pools):
    def shuffled(rows):
        return [*rows[::-1], {**rows[0], "problem_id": "gsm8k_499"}]

    scores = cache(tmp_path / "cache.jsonl", shuffled)
    assert best_of_3(command, tmp_path, f"--input={pools}", f"--scores={scores}") == BY_HAND


def test_a_json_object_from_ids_to_scores_is_a_cache(command, tmp_path, pools):
    by_group = {name: [scores for scores, _ in cands] for name, cands in STEPS.items()}
    by_id = {f"{name}/{i}": s for name, scores in by_group.items() for i, s in enumerate(scores)}
    for document in (by_group, by_id):
        (tmp_path / "cache.json").write_text(json.dumps(document, indent=1))
        arguments = f"--input={pools}", f"--scores={tmp_path}/cache.json"
        assert best_of_3(command, tmp_path, *arguments) == BY_HAND
    del document["gsm8k_001/1"]
    (tmp_path / "cache.json").write_text(json.dumps(document))
    assert "such as 'gsm8k_001/1'" in best_of_3(command, tmp_path, *arguments)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[1:], "has no scores of 1 of 6 solutions, such as 'gsm8k_000/0'"),
        (lambda rows: [{**r, "problem_id": "x"} for r in rows], "has no scores of 6 of 6"),
        (lambda rows: [*rows, {**rows[0], "step_scores": [0.1, 0.1]}], "has other scores"),
        (lambda rows: [{**rows[0], "step_scores": [0.1]}, *rows[1:]], "is a list of 1"),
        (lambda rows: [*rows, {"id": "x", "step_scores": []}], "names no candidate"),
    ],
)
def test_a_cache_that_does_not_fit_is_refused(command, tmp_path, pools, change, says):
    scores = cache(tmp_path / "cache.jsonl", change)
    error = best_of_3(command, tmp_path, f"--input={pools}", f"--scores={scores}")
    assert says in error and "cache.jsonl" in error


def test_the_scores_of_edits_belong_to_both_traces(command, tmp_path):
    row = {"pair_id": "m::inert", "original_trace": candidate([0, 0], False)}
    row["modified_trace"] = candidate([0], True)
    (tmp_path / "edits.jsonl").write_text(json.dumps(row))
    scores = {"pair_id": "m::inert", "problem_id": "a", "candidate_index": 3}
    scores |= {"clean_step_scores": [0.9, 0.5], "modified_step_scores": [0.7]}
    (tmp_path / "scores.jsonl").write_text(json.dumps(scores))
    found = best_of_3(
        command, tmp_path, f"--input={tmp_path}/edits.jsonl", f"--scores={tmp_path}/scores.jsonl"
    )
    assert found == {"min": 1.0, "last": 1.0}


@pytest.mark.parametrize("key", ["scores", "agg_scores"])
def test_search_and_learn_completions_are_replayed_with_the_scores_they_hold(
    command, tmp_path, key
):
    rows = []
    for name, candidates in STEPS.items():
        texts = [
            "\n\n".join([*"abc"[: len(scores) - 1], f"\\boxed{{{1 if right else 2}}}"])
            for scores, right in candidates
        ]
        scores = [scores for scores, _ in candidates]
        rows.append({"problem": name, "answer": "1", "unique_id": name, "completions": texts})
        rows[-1] |= {"scores": scores, "agg_scores": [min(s) for s in scores]}
    (tmp_path / "sal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = best_of_3(command, tmp_path, f"--input={tmp_path}/sal.jsonl", f"--scores_key={key}")
    assert found["min"] == BY_HAND["min"]
    assert found["last"] == (BY_HAND["last"] if key == "scores" else 1.0)
