"""`python -m experiments.select`: shares and accuracies by hand, and what is refused."""

import json
from pathlib import Path

import pytest

from prm_jax.records import write_jsonl

CONFIG = f"--config={Path(__file__).parents[2]}/configs/selective.py"

# Per problem (score, prediction of the last step, its region, outcome) of each candidate.
FIRST = {
    "a": [(0.9, 1, 0.9, 1), (0.95, 1, 0.0, 0)],
    "b": [(0.8, 0, 0.9, 0), (0.7, 1, 0.8, 1)],
    "c": [(0.6, 1, 0.0, 1), (0.5, 1, 0.0, 0)],
    "d": [(0.4, 0, 0.9, 0), (0.3, 1, 0.9, 0)],
}
SECOND = {"a": [(0.1, 1, 0.0, 0)], "b": [(0.9, 1, 0.0, 1)], "c": [(0.9, 1, 0.0, 1)]}
SECOND["d"] = [(0.2, 1, 0.0, 0), (0.9, 1, 0.0, 1)]


def write(folder, name, problems):
    """A judged file and its reference."""
    judged, labelled = [], []
    for problem, candidates in problems.items():
        for n, (score, prediction, region, outcome) in enumerate(candidates):
            row = {"id": f"{name}-{problem}{n}"}
            columns = {
                "prediction": [1, prediction],
                "region": [0.9, region],
                "admitted": [True, region >= 0.9],
            }
            judged.append({**row, "score": score, **columns})
            labelled.append({**row, "problem": problem, "steps": ["x", "y"], "outcome": outcome})
    write_jsonl(folder / f"{name}.jsonl", judged)
    write_jsonl(folder / f"{name}_labelled.jsonl", labelled)
    return folder / f"{name}.jsonl", folder / f"{name}_labelled.jsonl"


@pytest.fixture
def selected(command, tmp_path):
    """`selected(policy, *flags)` is the result, what was printed and the rows of choices."""

    def run(policy, *arguments):
        judged, labelled = write(tmp_path, "one", FIRST)
        second, others = write(tmp_path, "two", SECOND)
        if policy == "route":
            arguments = (f"--second={second}", *arguments)
        done = command(
            *("select", f"{CONFIG}:{policy}", f"--input={judged}"),
            *(f"--reference={labelled},{others}", f"--output={tmp_path}/out.json"),
            *(f"--output_choices={tmp_path}/choices.jsonl", *arguments),
        )
        assert done.code == 0, done.err
        rows = (tmp_path / "choices.jsonl").read_text().splitlines()
        return json.loads((tmp_path / "out.json").read_text()), done.out, [*map(json.loads, rows)]

    return run


def values(result):
    return {name: of["value"] for name, of in result["metrics"].items()}


def test_best_of_n_answers_where_a_candidate_is_accepted(selected):
    result, printed, rows = selected("best_of_n")
    assert [row["id"] for row in rows] == ["one-a0", None, None, "one-d1"]
    # Alone the scores choose a1, b0, c0 and d0, and a and b where they are highest.
    expected = {"answered": 0.5, "accuracy": 0.5, "always": 0.25, "same_share_by_score": 0.0}
    assert values(result) == expected
    assert result["metrics"]["answered"]["n"] == 4 and result["metrics"]["accuracy"]["n"] == 2
    assert result["metrics"]["accuracy"]["low"] == pytest.approx(1 - 0.975**0.5)
    at_08, at_09 = result["levels"]
    assert at_08["level"] == 0.8 and values(at_08)["answered"] == 0.75
    assert values(at_08)["accuracy"] == pytest.approx(2 / 3)
    assert {name: at_09[name] for name in ("metrics", "reasons")} == {
        name: result[name] for name in ("metrics", "reasons")
    }
    assert result["counts"]["candidates"] == [8] and result["counts"]["reference_not_judged"] == 5
    assert printed.startswith("answered 0.500 (0.068 to 0.932) of 4\naccuracy 0.500 ")


def test_resampling_counts_its_draws(selected):
    result, _, rows = selected("resample", "--config.options.max_draws=1")
    assert [row["id"] for row in rows] == ["one-a0", None, None, None] and result["draws"] == 1
    result, _, rows = selected("resample", "--config.options.otherwise=best")
    assert [row["id"] for row in rows] == ["one-a0", "one-b0", "one-c0", "one-d1"]
    assert result["draws"] == 7 / 4
    assert result["reasons"]["best of none accepted"] == {"problems": 2, "right": 1}


def test_the_second_model_answers_what_the_first_cannot(selected):
    result, _, rows = selected("route")
    assert [row["id"] for row in rows] == ["one-a0", "two-b0", "two-c0", "one-d1"]
    assert values(result)["accuracy"] == 0.75 and result["second_draws"] == 0.5
    assert result["reasons"]["second model"] == {"problems": 2, "right": 2}


def test_a_policy_that_accepts_nothing_has_no_accuracy(selected):
    result, printed, rows = selected("best_of_n", "--config.accept=region>=0.95")
    assert values(result)["answered"] == 0 and values(result)["accuracy"] is None
    assert all(row["right"] is None for row in rows) and "accuracy none (0.000 to 1.000)" in printed


@pytest.mark.parametrize(
    ("policy", "flag", "words"),
    [
        ("route", "", "field 'second'"),
        ("best_of_n", "--second={two}", "field 'second'"),
        ("best_of_n", "--config.accept=solution", "judge with level=solution"),
        ("best_of_n", "--config.accept=most", "unknown rule 'most'"),
        ("best_of_n", "--reference={two_labelled}", "'one-a0' is not in the reference"),
        ("best_of_n", "--reference={one_labelled},{one_labelled}", "appears twice"),
        ("best_of_n", "--input={one_labelled}", "field 'prediction': is missing"),
        ("resample", "--config.options.max_draws=0", "field 'max_draws'"),
        ("vote", "", "unknown policy"),
    ],
)
def test_what_cannot_be_selected_is_one_line_and_no_file(command, tmp_path, policy, flag, words):
    judged, labelled = write(tmp_path, "one", FIRST)
    two, two_labelled = write(tmp_path, "two", SECOND)
    places = dict(two=two, two_labelled=two_labelled, one_labelled=labelled)
    given = (f"--input={judged}", f"--reference={labelled}", f"--output={tmp_path}/out.json")
    arguments = (*given, flag.format(**places)) if flag else given
    done = command("select", f"{CONFIG}:{policy}", *arguments)
    assert done.code == 2 and done.err.count("\n") == 1 and words in done.err, done.err
    assert not (tmp_path / "out.json").exists()


def test_judged_files_of_other_problems_cannot_be_routed(command, tmp_path):
    judged, labelled = write(tmp_path, "one", FIRST)
    second, others = write(tmp_path, "two", {"a": SECOND["a"]})
    given = (f"--input={judged}", f"--second={second}", f"--reference={labelled},{others}")
    done = command("select", f"{CONFIG}:route", *given, f"--output={tmp_path}/out.json")
    assert done.code == 2 and "3 problems are in one judged file only, such as 'b'" in done.err
