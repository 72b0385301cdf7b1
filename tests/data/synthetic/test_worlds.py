"""The page about the families is current, and what it shows of each is what was made."""

import re
from pathlib import Path

import pytest

from prm_jax.data.synthetic import FAMILIES, ErrorKind, worlds
from prm_jax.data.synthetic.family import COMPOSITE

PAGE = Path(__file__).parents[3] / "docs" / "worlds.md"


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_page_in_docs_has_the_section_that_the_command_makes(family):
    section = worlds.section(family, worlds.descriptions())
    assert section in PAGE.read_text("utf-8"), "run python -m experiments.worlds"


def test_the_page_in_docs_has_no_other_sections():
    assert re.findall(r"^## (\w+)$", PAGE.read_text("utf-8"), re.M) == list(FAMILIES)


def test_every_kind_of_error_is_described():
    assert set(worlds.descriptions()) == set(ErrorKind)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_section_shows_a_right_and_a_wrong_solution_and_every_kind(family):
    section = worlds.section(family, worlds.descriptions())
    right, wrong = re.findall(r"```text\n(.+?)```", section, re.S)
    labels = [re.findall(r"^\[([01])\] ", shown, re.M) for shown in (right, wrong)]
    assert set(labels[0]) == {"1"} and labels[1].count("0") == 1
    kinds = re.findall(r"^- `(\w+)`: \S", section, re.M)
    assert kinds == [kind for kind in FAMILIES[family].weights if kind not in COMPOSITE]
