"""The README says what the files say."""

import json
import re
from pathlib import Path

import pytest

from prm_jax import demo
from prm_jax.report.tables import markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"-m experiments\.(\w+)((?: \\\n|[^\n])*)", README)


def test_the_table_of_the_demo_is_that_of_the_committed_result():
    result = json.loads((ROOT / "results" / "demo.json").read_text("utf-8"))
    assert markdown(demo.result_table(result)) in README
    assert not result["run"]["continued"] and result["run"]["wall_seconds"] < 720


@pytest.mark.parametrize("module, line", COMMANDS)
def test_commands_use_flags_that_exist(module, line):
    source = (ROOT / "experiments" / f"{module}.py").read_text("utf-8")
    for flag in re.findall(r"--([a-z_]+)[.=]", line):
        assert f'"{flag}"' in source, f"experiments.{module} has no --{flag}"


def test_links_lead_to_files():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links and all((ROOT / link).is_file() for link in links), links
