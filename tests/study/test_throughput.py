"""The study of the pipeline: its set is made once, whatever stops it, and its labels are true."""

import re

import pytest

from prm_jax import formats
from prm_jax.formats import array_records
from prm_jax.progress import Progress
from prm_jax.study import throughput


def test_a_set_is_gone_on_with_where_its_making_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(throughput, "PART", 4)
    show = Progress("making", show=False)
    write, made = array_records.write, []

    def failing(path, rows, shard_size):
        made.append(path.name)
        if len(made) == 2:
            raise KeyboardInterrupt
        return write(path, rows, shard_size)

    monkeypatch.setattr(array_records, "write", failing)
    with pytest.raises(KeyboardInterrupt):
        throughput.make_set(tmp_path, 10, show)
    throughput.make_set(tmp_path, 10, show)
    assert made == ["part0000", "part0001", "part0001", "part0002"]
    assert [t.id for t in formats.read(tmp_path)] == [str(i) for i in range(10)]


def test_the_first_wrong_sum_is_where_the_label_says():
    for solution in throughput.solutions(0, 50):
        sums = [list(map(int, re.findall(r"\d+", step))) for step in solution.steps]
        wrong = [i for i, (term, total, result) in enumerate(sums) if term + total != result]
        assert wrong == ([] if solution.first_error == -1 else [solution.first_error])


def test_a_tiny_model_trains_on_the_set(tmp_path):
    throughput.make_set(tmp_path / "set", 30, Progress("making", show=False))
    assert 0 < throughput.train(tmp_path, 2) < 8
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
