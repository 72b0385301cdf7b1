"""Corrupted GSM8K solutions: labels that follow from the texts, and no other sign of an error."""

import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from gsm8k_rows import ROWS, right

from prm_jax import formats
from prm_jax.data.gsm8k import KINDS, check_against, check_arithmetic, corrupt_gsm8k
from prm_jax.data.gsm8k.balance import balanced
from prm_jax.data.gsm8k.carry import carry
from prm_jax.data.gsm8k.solution import evaluate, parse, written
from prm_jax.data.sources import parse_sources, read_source, split_by_problem
from prm_jax.data.synthetic.splits import SPLITS
from prm_jax.errors import InputError
from prm_jax.records import Trajectory, Where, write_jsonl

ROOT = Path(__file__).resolve().parents[3]
RIGHT = {item.problem: item for item in right()}
FARM, TRAIN, CLUB = (ROWS[i]["question"] for i in (7, 8, 11))


@pytest.fixture(scope="module")
def items():
    return corrupt_gsm8k(right(), 60, 0, error_rate=0.7, after_error="local")


def test_labels_agree_with_a_check_that_knows_the_right_solution(items):
    for item in items:
        verdicts = check_against(RIGHT[item.problem].steps, item.steps)
        assert [v for v, y in zip(verdicts, item.labels) if y is not None] == [
            y for y in item.labels if y is not None
        ]


def test_slips_and_dropped_carries_are_false_equations_and_all_else_is_true(items):
    false, judged = set(), 0
    for item in items:
        for index, verdict in enumerate(check_arithmetic(item.problem, item.steps)):
            judged += verdict is not None
            if verdict == 0:
                assert index == item.first_error
                false.add(item.meta["error_kind"])
    assert false == {"slip", "dropped_carry"} and judged > len(items)


def test_every_kind_occurs_and_can_be_asked_for_alone(items):
    assert {item.meta.get("error_kind") for item in items} == {None, *KINDS}
    for kind in KINDS:
        found = corrupt_gsm8k(right(), 5, 1, kinds=[kind], error_rate=0.9)
        assert {item.meta.get("error_kind", kind) for item in found} == {kind}


def test_problem_and_steps_before_the_error_stay_as_they_were(items):
    for item in items:
        model = RIGHT[item.problem]
        assert item.gold == model.gold
        if item.first_error == -1:
            assert item.steps == model.steps
        else:
            first = item.first_error
            assert item.steps[:first] == model.steps[:first]
            assert item.steps[first] != model.steps[first]


def test_words_stay_and_numbers_keep_their_format(items):
    for item in items:
        for step, model in zip(item.steps, RIGHT[item.problem].steps):
            assert re.findall("[A-Za-wyz]+", step) == re.findall("[A-Za-wyz]+", model)
            assert not re.search(r"[<>]|= \$?-|\d{4}\.|\.\d{3}", step)
            assert ("," in step) <= ("," in model)


def test_answer_is_what_the_last_step_says_and_outcome_compares_it(items):
    for item in items:
        assert item.answer in item.steps[-1]
        assert item.outcome == float(item.answer == item.gold)
    assert 0.0 in {item.outcome for item in items}


def test_consequences_are_computed_anew():
    item = RIGHT[ROWS[0]["question"]]
    solution = parse(item.problem, item.meta["marked_steps"], item.gold)
    pieces = solution.lines[0].equation.pieces
    steps, answer = carry(solution, 0, pieces, "658")
    assert steps == ("He bakes 36*18 = 658 rolls.", "There are 658-459 = 199 rolls left.")
    assert answer == 199
    assert carry(solution, 0, pieces, "458") is None  # 458 - 459 is negative


def test_a_number_that_may_mean_two_things_is_not_changed_and_its_step_not_labelled(items):
    """The farm keeps 95 animals and buys 95 hens: 95 + 95 cannot be carried on."""
    farm = [item for item in items if item.problem == FARM]
    assert {item.labels[1] for item in farm} == {None}
    assert 1 not in {item.first_error for item in farm}


def test_steps_without_a_written_computation_are_not_labelled(items):
    assert {item.labels[1] for item in items if item.problem == TRAIN} == {None}
    assert {item.labels[0] for item in items if item.problem == CLUB} == {None}


@pytest.mark.parametrize("policy, after", [("mask", None), ("zero", 0.0), ("local", 1.0)])
def test_steps_after_an_error_follow_the_policy(policy, after):
    for item in corrupt_gsm8k(right(), 10, 0, after_error=policy):
        first = item.first_error
        if first >= 0:
            assert item.labels[first] == 0 and set(item.labels[:first]) <= {1.0, None}
            assert set(item.labels[first + 1 :]) <= {after, None}
        else:
            assert set(item.labels) <= {1.0, None}
        assert item.meta.get("error_step", -1) == first
        assert Trajectory.from_dict(item.to_dict(), Where("rows", 1)) == item


def test_rows_are_the_same_each_time_and_more_variants_start_with_the_fewer():
    one, three = (corrupt_gsm8k(right(), n, 4) for n in (1, 3))
    assert three[::3] == one
    assert [item.steps for item in corrupt_gsm8k(right(), 3, 5)] != [item.steps for item in three]


def test_variants_of_a_problem_stay_together():
    items = corrupt_gsm8k(right(), 8, 0)
    kept, held_out = split_by_problem(items, 0.4)
    assert held_out and not {i.group for i in kept} & {i.group for i in held_out}
    parts = []
    for split in SPLITS:
        try:
            parts.append({item.problem for item in corrupt_gsm8k(right(), 8, 0, split=split)})
        except InputError:
            parts.append(set())
    assert sum(map(len, parts)) == len(set.union(*parts)) == len({i.problem for i in items})


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.8])
def test_share_of_wrong_solutions_is_the_rate_and_each_labelled_step_has_one_hazard(rate):
    items = corrupt_gsm8k(right(), 150, 2, error_rate=rate)
    wrong = np.mean([item.first_error >= 0 for item in items])
    assert abs(wrong - rate) <= 4 * np.sqrt(rate * (1 - rate) / len(items))
    labels = [[y for y in item.labels if y is not None] for item in items]
    hazards = [1 - np.mean([y[t] for y in labels if len(y) > t]) for t in (0, 1)]
    assert abs(hazards[0] - hazards[1]) <= 0.08


def test_wrong_steps_get_each_look_as_often_as_right_steps_have_it():
    looks = ["+", "+", "+", "-"]
    candidates = [["+", "-"], ["+", "-"], ["+", "-"], ["+", "-", "?"]]
    weights = [[1.0, 5.0]] * 3 + [[5.0, 1.0, 5.0]]
    chances = balanced(looks, candidates, weights)
    assert [chance.sum() for chance in chances] == pytest.approx([1.0] * 4)
    minus = sum(chance[1] for chance in chances)
    assert minus == pytest.approx(1.0, abs=0.02) and chances[3][2] < 0.01


@pytest.mark.parametrize(
    "text, value",
    [("2+3*4", 14), ("(2 + 3) x $4", 20), ("12 – 5 - 4", 3), ("1,200 / 8", 150), (".5*3", 1.5)],
)
def test_computations_are_read_with_their_precedence(text, value):
    assert evaluate(text) == Fraction(value)


@pytest.mark.parametrize("text", ["", "2+", "(2", "2 3", "1/0", "a+1"])
def test_what_is_no_computation_has_no_value(text):
    assert evaluate(text) is None


@pytest.mark.parametrize(
    "value, like, text",
    [(1260, "1,500", "1,260"), (1260, "1500", "1260"), (Fraction(5, 2), "1.50", "2.50")]
    + [(Fraction(5, 2), "3", None), (-3, "3", None), (Fraction(1, 2), ".25", ".50")],
)
def test_a_number_is_written_like_another(value, like, text):
    assert written(Fraction(value), like) == text


def test_the_check_sees_a_changed_number():
    for item in right():
        for index, step in enumerate(item.steps):
            if check_against(item.steps, item.steps)[index] == 1:
                last = re.findall(r"\d+", step)[-1]
                place = step.rindex(last)
                changed = step[:place] + str(int(last) + 1) + step[place + len(last) :]
                steps = (*item.steps[:index], changed, *item.steps[index + 1 :])
                assert check_against(item.steps, steps)[index] == 0


def test_a_line_of_data_names_file_and_options(tmp_path):
    write_jsonl(tmp_path / "own.jsonl", ROWS)
    line = f"gsm8k_errors:{tmp_path / 'own.jsonl'}?n_per_problem=2&seed=3"
    (source,) = parse_sources(line)
    assert read_source(source) == corrupt_gsm8k(right(), 2, 3)
    for bad, message in (("&size=2", "unknown options"), ("&seed=-1", "seed")):
        with pytest.raises(InputError, match=message):
            read_source(parse_sources(line + bad)[0])
    with pytest.raises(InputError, match="lacks n_per_problem and seed"):
        read_source(parse_sources(line.partition("?")[0])[0])


@pytest.mark.parametrize(
    "options, field",
    [
        ({"kinds": ["wrong_sign"]}, "kinds"),
        ({"kinds": {"slip": 0.0}}, "kinds"),
        ({"error_rate": 1.0}, "error_rate"),
        ({"after_error": "drop"}, "after_error"),
        ({"split": "dev"}, "split"),
        ({"n_per_problem": -1}, "n_per_problem"),
        ({"seed": -1}, "seed"),
        ({"trajectories": [Trajectory(problem="p", steps=("a",))]}, "trajectories"),
    ],
)
def test_an_argument_that_is_out_of_range_is_named(options, field):
    with pytest.raises(InputError, match=f"field '{field}'"):
        corrupt_gsm8k(**{"trajectories": right(), "n_per_problem": 1, "seed": 0, **options})


def test_the_command_writes_them_and_refuses_flags_of_the_families(tmp_path):
    write_jsonl(tmp_path / "own.jsonl", ROWS)
    command = [sys.executable, "-m", "experiments.make_data", f"--gsm8k={tmp_path / 'own.jsonl'}"]
    command += [f"--output={tmp_path / 'out.jsonl'}", "--variants=2", "--seed=3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert formats.read(tmp_path / "out.jsonl") == corrupt_gsm8k(right(), 2, 3)
    done = subprocess.run([*command, "--n=5"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "has no meaning with --gsm8k" in done.stderr
