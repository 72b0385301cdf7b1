"""One line names the data: what it may say, what is refused, and how problems are held out."""

import json

import pytest

from prm_jax.data.sources import (
    SYNTHETIC,
    fingerprint,
    parse_sources,
    read_problems,
    read_source,
    split_by_problem,
)
from prm_jax.data.synthetic import make_trajectories
from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory


def only(line, defaults=None):
    (source,) = parse_sources(line, defaults)
    return source


def problems(n):
    return [Trajectory(problem=f"problem {i}", steps=("a",), id=str(i)) for i in range(n)]


def test_a_line_is_read_into_its_sources_in_order():
    one, other = parse_sources(" a/b.jsonl?weight=3&neutral=masked , synthetic:dyck?n=5&weight=1,")
    assert (one.path, one.synthetic, one.weight) == ("a/b.jsonl", False, 3)
    assert one.options == {"neutral": "masked"} and one.name == "a/b.jsonl?weight=3&neutral=masked"
    assert (other.path, other.synthetic, other.weight) == ("dyck", True, 1)
    assert other.options == {"n": 5}


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("0.5", 0.5), ("true", True), ("null", "null"), ("train", "train"), ('"5"', '"5"')],
)
def test_an_option_is_a_number_or_truth_value_where_json_has_one_and_else_text(text, value):
    found = only(f"x?option={text}").options["option"]
    assert found == value and type(found) is type(value)


def test_defaults_hold_for_files_that_do_not_say_otherwise_and_never_for_programs():
    defaults = {"format": "trl", "after_error": "mask"}
    assert only("x?format=prm800k", defaults).options == {
        "format": "prm800k",
        "after_error": "mask",
    }
    assert only(f"{SYNTHETIC}dyck?n=1", defaults).options == {"n": 1}
    assert defaults == {"format": "trl", "after_error": "mask"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x?weight", "'weight' in 'x?weight' is no option"),
        ("x?=3", "'=3' in 'x?=3' is no option"),
        ("x?weight=0", "weight 0 in 'x?weight=0' is no positive number"),
        ("x?weight=-1", "no positive number"),
        ("x?weight=NaN", "no positive number"),
        ("x?weight=heavy", "weight 'heavy'"),
        ("x?weight=true", "weight True"),
        ("x?weight=1,y", "some sources have a weight"),
    ],
)
def test_a_line_with_a_wrong_option_or_weight_is_refused_by_its_text(line, words):
    with pytest.raises(InputError) as caught:
        parse_sources(line)
    assert words in str(caught.value) and caught.value.field == "data"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("synthetic:arithmetic?n=2", "lacks seed"),
        ("synthetic:arithmetic", "lacks n and seed"),
        ("synthetic:arithmetic?n=2&seed=0&family=dyck", "unknown options ['family']"),
        ("synthetic:arithmetic?n=2&seed=0&size=3", "known are after_error, check_rate,"),
        ("synthetic:sudoku?n=2&seed=0", "sudoku"),
        ("nowhere.jsonl", "nowhere.jsonl"),
        ("nowhere/*.jsonl", "no file matches"),
    ],
)
def test_a_source_that_cannot_be_made_or_found_is_refused(line, words):
    with pytest.raises(InputError) as caught:
        read_source(only(line))
    assert words in str(caught.value)


def test_a_file_is_read_with_the_options_of_its_line(write_rows):
    path = write_rows(
        "a.jsonl", {"problem": "p", "steps": ["a", "b", "c"], "labels": [1, 0, 1], "id": "x"}
    )
    (found,) = read_source(only(f"{path}?after_error=truncate"))
    assert found.labels == (1.0, 0.0)
    with pytest.raises(InputError, match="format prm_jax has no option 'neutral'"):
        read_source(only(f"{path}?neutral=masked"))


def test_problems_of_several_families_are_those_the_generator_makes():
    found = read_source(only("synthetic:arithmetic+dyck?n=4&seed=3&difficulty=1"))
    assert found == make_trajectories(("arithmetic", "dyck"), 4, 3, difficulty=1)


BAD_ROWS = ('{"problem": "p", "steps": []}', "{broken", '{"steps": ["a"]}')


def test_bad_rows_stop_a_source_or_go_to_the_rejects(write_rows, tmp_path):
    good = [json.dumps({"problem": "p", "steps": ["a"], "id": name}) for name in "xyz"]
    pairs = [row for pair in zip(BAD_ROWS, good) for row in pair]
    source = only(str(write_rows("a.jsonl", *pairs)))
    with pytest.raises(InputError, match=r"a.jsonl:1: field 'steps'"):
        read_source(source)
    rejects = Rejects(tmp_path / "rejects.jsonl")
    assert [t.id for t in read_source(source, rejects)] == ["x", "y", "z"]
    assert [row["line"] for row in rejects.rows] == [1, 3, 5]
    assert [row["row"] for row in rejects.rows] == list(BAD_ROWS)
    assert not rejects.path.exists()


def test_a_source_of_bad_rows_only_is_an_error_that_names_the_first_of_its_own(
    write_rows, tmp_path
):
    rejects = Rejects(tmp_path / "rejects.jsonl")
    rejects.add(InputError("of another file", file="b.jsonl", line=9), "row")
    path = write_rows("a.jsonl", *BAD_ROWS)
    with pytest.raises(InputError, match=r"first of 3 refused: \S*a.jsonl:1: field 'steps'"):
        read_source(only(str(path)), rejects)


def test_a_held_out_problem_takes_all_its_solutions_along_and_stays_held_out():
    many = [t for t in problems(500) for _ in range(2)]
    kept, held_out = split_by_problem(many, 0.2)
    assert {t.problem for t in kept}.isdisjoint(t.problem for t in held_out)
    assert len(kept) + len(held_out) == 1000
    # 500 problems of which a share of .2 is expected: 4 standard deviations are 36.
    assert abs(len(held_out) / 2 - 100) < 36
    fewer_kept, fewer_held_out = split_by_problem(many[:100], 0.2)
    assert fewer_kept == kept[: len(fewer_kept)]
    assert fewer_held_out == held_out[: len(fewer_held_out)]
    spaced = Trajectory(problem=f"  {held_out[0].problem.upper()}\n", steps=("b",))
    assert split_by_problem([spaced], 0.2) == ([], [spaced])


def test_a_problem_set_in_other_latex_falls_on_the_same_side():
    plain = [Trajectory(f"Find {i}x + \\frac{{1}}{{2}}, if x = 1", ("a",)) for i in range(200)]
    marked = [
        Trajectory(f"find  $ {i}x+\\dfrac{{1}}{{2}} $,\nif \\(x\\,=\\,1\\)", ("a",))
        for i in range(200)
    ]
    held_out = [{t.problem for t in split_by_problem(form, 0.5)[1]} for form in (plain, marked)]
    sides = [[t.problem in out for t in form] for form, out in zip((plain, marked), held_out)]
    assert sides[0] == sides[1] and 60 < sum(sides[0]) < 140


def test_a_larger_share_holds_out_what_a_smaller_one_did_and_more():
    small, large = (split_by_problem(problems(200), share)[1] for share in (0.1, 0.3))
    assert {t.id for t in small} < {t.id for t in large}
    assert split_by_problem(problems(20), 0.0) == (problems(20), [])


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_share_outside_0_to_1_is_refused(fraction):
    with pytest.raises(InputError, match="validation_fraction"):
        split_by_problem(problems(2), fraction)


def test_the_fingerprint_follows_from_content_and_order_alone():
    base = problems(3)
    assert fingerprint(base) == fingerprint(problems(3)) and len(fingerprint(base)) == 64
    relabelled = [Trajectory("problem 0", ("a",), labels=(1.0,), id="0"), *base[1:]]
    different = (base[::-1], base[:2], relabelled, [])
    assert len({fingerprint(trajectories) for trajectories in (base, *different)}) == 5


TALES = (
    "A farmer sold 48 eggs in April and half as many in May. How many did he sell?",
    "Two trains leave the station at 9 and at 11 in the morning. When do they meet?",
    "The roots of a polynomial with whole coefficients add up to 7. Find the largest one.",
)


def test_a_source_leaves_out_the_problems_of_another_set(write_rows):
    rows = [{"problem": tale, "steps": ["a"], "labels": [1]} for tale in TALES]
    path = write_rows("train.jsonl", *rows)
    edited = TALES[1].replace("11", "10")
    write_rows("test.jsonl", {"question": TALES[0].upper(), "answer": "72"}, {"question": edited})
    test = path.with_name("test.jsonl")
    found = read_source(only(f"{path}?exclude={test}"))
    assert [t.problem for t in found] == [TALES[1], TALES[2]]
    found = read_source(only(f"{path}?exclude={test}&exclude_near=0.7"))
    assert [t.problem for t in found] == [TALES[2]]
    with pytest.raises(InputError, match="no trajectories"):
        read_source(only(f"{path}?exclude={path}"))
    with pytest.raises(InputError, match="names no set"):
        read_source(only(f"{path}?exclude_near=0.7"))
    with pytest.raises(InputError, match="threshold"):
        read_source(only(f"{path}?exclude={test}&exclude_near=7"))


def test_problems_are_read_from_solutions_from_bare_rows_and_from_programs(write_rows):
    solved = write_rows("a.jsonl", *({"problem": "p", "steps": ["a"], "id": i} for i in "xy"))
    bare = write_rows("b.jsonl", {"question": "q", "answer": "1"}, {"question": "r"})
    assert read_problems(f"{solved},{bare}") == ["p", "p", "q", "r"]
    line = f"{SYNTHETIC}dyck?n=2&seed=0"
    assert read_problems(line) == [t.problem for t in read_source(only(line))]
    broken = write_rows("c.jsonl", {"question": "q"}, {"answer": "1"})
    with pytest.raises(InputError, match=r"c.jsonl:2: holds no problem"):
        read_problems(str(broken))
    rejects = Rejects("")
    assert read_problems(str(broken), rejects) == ["q"]
    assert [row["line"] for row in rejects.rows] == [2]
    with pytest.raises(InputError, match="fits no known format"):
        read_problems(str(write_rows("d.jsonl", {"text": "q"})))
