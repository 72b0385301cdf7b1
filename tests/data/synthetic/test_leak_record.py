"""The committed record of labels and leaks covers every family and keeps the promised bounds."""

import json
from pathlib import Path

import pytest

from prm_jax.data.synthetic import FAMILIES

RECORD = Path(__file__).parents[3] / "results" / "leak_probe.json"


@pytest.fixture(scope="module")
def record():
    return json.loads(RECORD.read_text("utf-8"))


def test_it_was_made_of_every_family_on_hard_settings(record):
    assert set(record["families"]) == set(FAMILIES)
    assert record["config"]["difficulty"] == 4 and "dirty" not in record["code"]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_checker_and_labels_agree_on_ten_thousand_and_nothing_leaks(record, family):
    row = record["families"][family]
    assert row["checked"] == row["agree"] == 10_000
    for figure in row["auroc"].values():
        assert abs(figure["value"] - 0.5) <= 0.05
