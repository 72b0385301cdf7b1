"""What the command writes can be read again, with every label at its step."""

import pytest

from prm_jax import formats
from prm_jax.records import Trajectory, write_jsonl


@pytest.fixture
def solutions(tmp_path):
    ends = [("v", 0.0), ("w", 1.0), ("x", 1.0), ("y", 0.0)]
    rows = [Trajectory("p", ("a", "b", end), (0.5, 0.25, label)) for end, label in ends]
    write_jsonl(tmp_path / "in.jsonl", rows)
    return tmp_path / "in.jsonl"


def changed(command, solutions, *arguments):
    output = solutions.with_name("out.jsonl")
    result = command("change_steps", f"--input={solutions}", f"--output={output}", *arguments)
    assert result.code == 0, result.err
    found = formats.read(output)
    assert f"{len(found)} examples made from 4 solutions" in result.out
    return found


def test_reversed_solutions_keep_labels_at_their_steps(command, solutions):
    found = changed(command, solutions, "--change=reversed")
    assert found[1].steps == ("w", "b", "a") and found[1].labels == (1.0, 0.25, 0.5)


def test_merged_steps_have_the_label_of_the_last(command, solutions):
    found = changed(command, solutions, "--change=merged")
    assert len(found) == 8
    assert found[3].steps == ("a", "b\n\nw") and found[3].labels == (None, 1.0)
    assert len(changed(command, solutions, "--change=merged", "--window=3")) == 4


def test_a_seed_gives_the_same_compressed_tree_again(command, solutions):
    arguments = ("--change=compressed", "--probability=1", "--seed=3")
    found = changed(command, solutions, *arguments)
    assert found == changed(command, solutions, *arguments)
    assert len(found) == 4
    assert sum(step.startswith("b\n\n") for t in found for step in t.steps) == 1
    result = command("change_steps", f"--input={solutions}", "--output=/", "--change=merged")
    assert result.code == 2
