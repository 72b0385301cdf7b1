"""Every task shows how far it is, up to its end."""

import json

import pytest

from prm_jax.evaluate.evaluate_file import TASKS, evaluate_file


@pytest.mark.parametrize("task", TASKS)
def test_a_task_reports_what_is_done(task, tmp_path):
    rows = [
        {"problem": f"{n // 2}?", "steps": ["a", "b"], "labels": [1, n % 2], "outcome": n % 2}
        for n in range(8)
    ]
    for row, subset in zip(rows, "xxxxyyyy", strict=True):
        row |= {"source": subset, "first_error": None if row["outcome"] else 1, "s": [0.5, 0.25]}
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    seen: list[tuple[int, int]] = []
    options = dict(n_boot=20, progress=lambda *done: seen.append(done))
    evaluate_file(task, path, scores_key="s", **options)
    last, total = seen[-1]
    assert 0 < last <= total
    assert all(0 <= done <= of for done, of in seen)
    if task != "best_of_n":  # whose problems are worked on again for every number of candidates
        assert [done for done, _ in seen] == sorted({done for done, _ in seen}) and last == total
