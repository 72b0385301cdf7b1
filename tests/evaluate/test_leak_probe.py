"""The leak probe's record: exact agreement counts, intervals around the figures, the same again."""

import dataclasses
import json

import numpy as np
import pytest

from prm_jax.data.synthetic import make_trajectories
from prm_jax.evaluate import leak_probe
from prm_jax.evaluate.leak_probe import FEATURES, labelled_steps, probe, study, study_family
from prm_jax.progress import Progress

OPTIONS = {"n": 120, "seed": 3, "difficulty": 1, "n_boot": 40}


@pytest.fixture(scope="module")
def row():
    return study_family("arithmetic", **OPTIONS)


def test_counts_are_those_of_the_solutions(row):
    items = make_trajectories("arithmetic", 120, 3, difficulty=1)
    labels = [label for item in items for label in item.labels if label is not None]
    assert (row["checked"], row["agree"]) == (120, 120)
    assert (row["steps"], row["wrong"]) == (len(labels), labels.count(0.0))


def test_a_label_that_is_not_the_checkers_is_counted(monkeypatch):
    def spoilt(*arguments, **options):
        first, *rest = make_trajectories(*arguments, **options)
        return [dataclasses.replace(first, labels=(0.0,) * len(first.labels)), *rest]

    monkeypatch.setattr(leak_probe, "make_trajectories", spoilt)
    assert study_family("arithmetic", **OPTIONS)["agree"] == 119


def test_intervals_hold_the_figures_and_repeat(row):
    for figure in row["auroc"].values():
        assert figure["low"] < figure["value"] < figure["high"]
    assert study_family("arithmetic", **OPTIONS) == row
    assert set(row["auroc"]) == set(FEATURES)


def test_words_of_the_scored_steps_alone_do_not_matter():
    train = labelled_steps(make_trajectories("dyck", 60, 0))
    test = labelled_steps(make_trajectories("dyck", 20, 1))
    odd = test._replace(texts=tuple(text.replace("tack", "ile") for text in test.texts))
    assert probe(train, odd, "words").shape == probe(train, test, "words").shape
    np.testing.assert_array_equal(probe(train, odd, "position"), probe(train, test, "position"))


def test_the_record_says_what_its_figures_depend_on():
    with Progress("families", show=False) as progress:
        record = study(["dyck"], **OPTIONS, progress=progress)
    assert record == json.loads(json.dumps(record))
    assert record["config"]["seed"] == 3 and record["intervals"]["n_boot"] == 40
    assert list(record["families"]) == ["dyck"] and record["versions"]["numpy"] == np.__version__
