import threading

import answer_pairs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_jax.data.synthetic import make_candidates
from prm_jax.data.synthetic.registry import FAMILIES
from prm_jax.scoring import answers
from prm_jax.scoring.answer_grammar import read
from prm_jax.scoring.answer_text import clean
from prm_jax.scoring.answers import NO_ANSWER, answer_classes, same_answer

NEVER_ENDS = "10^{10^{10}}+1"


@pytest.mark.parametrize("kind", answer_pairs.SAME)
def test_what_says_the_same_is_the_same_in_both_orders(kind):
    pairs = answer_pairs.SAME[kind]
    assert [(a, b) for a, b in pairs if not same_answer(a, b)] == []
    assert [(a, b) for a, b in pairs if not same_answer(b, a)] == []


@pytest.mark.parametrize("kind", answer_pairs.DIFFERENT)
def test_what_says_something_else_differs_in_both_orders(kind, monkeypatch):
    monkeypatch.setattr(answers, "TIMEOUT_S", 2.0)
    pairs = answer_pairs.DIFFERENT[kind]
    assert [(a, b) for a, b in pairs if same_answer(a, b)] == []
    assert [(a, b) for a, b in pairs if same_answer(b, a)] == []


def test_the_table_has_every_pair_once():
    pairs = answer_pairs.all_pairs()
    assert len({frozenset(pair[:2]) for pair in pairs}) == len(pairs) > 400


@pytest.mark.parametrize(
    "wrapper", ["${}$", r"\boxed{{{}}}", "**{}**", r"\({}\)", " {}. ", "Answer: {}"]
)
def test_what_stands_around_the_whole_changes_nothing(wrapper):
    for kind in ("fractions", "matrices", "tuples and lists", "intervals", "complex numbers"):
        for first, second in answer_pairs.SAME[kind]:
            if "$" not in first and not first.endswith("."):
                assert same_answer(wrapper.format(first), second), (first, second)
        for first, second in answer_pairs.DIFFERENT[kind]:
            if "$" not in first and not first.endswith("."):
                assert not same_answer(wrapper.format(first), second), (first, second)


@given(st.lists(st.integers(-30, 30), min_size=2, max_size=5), st.data())
@settings(max_examples=60, deadline=None)
def test_two_things_that_change_places_make_another_list_and_the_same_set(items, data):
    other = data.draw(st.permutations(items))
    as_list, as_set = (", ".join(map(str, x)) for x in (items, other))
    assert same_answer(as_list, as_set) == (items == other)
    assert same_answer(f"({as_list})", f"({as_set})") == (items == other)
    assert same_answer(rf"\{{{as_list}\}}", rf"\{{{as_set}\}}")
    letters, changed = ("".join(chr(70 + n % 19) for n in x) for x in (items, other))
    assert same_answer(" ".join(letters), " ".join(changed)) == (letters == changed)


@given(st.fractions(max_denominator=500).filter(lambda value: abs(value) < 10**6))
@settings(max_examples=60, deadline=None)
def test_a_fraction_is_the_same_however_it_is_written(value):
    top, bottom = value.numerator, value.denominator
    written = [
        f"{top}/{bottom}",
        rf"\frac{{{top}}}{{{bottom}}}",
        rf"\dfrac{{{2 * top}}}{{{2 * bottom}}}",
    ]
    whole, rest = divmod(abs(top), bottom)
    if whole and rest:
        sign = "-" if value < 0 else ""
        written += [f"{sign}{whole} {rest}/{bottom}", rf"{sign}{whole}\frac{{{rest}}}{{{bottom}}}"]
    assert answer_classes(written) == [0] * len(written)
    assert not same_answer(written[0], f"{top + 1}/{bottom}")


@given(st.integers(0, 999), st.integers(1, 999), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_repeating_decimal_is_the_fraction_that_division_gives(whole, block, zeros):
    digits = f"{block}"
    bottom = (10 ** len(digits) - 1) * 10**zeros
    fraction = f"{whole * bottom + block}/{bottom}"
    assert same_answer(rf"{whole}.{'0' * zeros}\overline{{{digits}}}", fraction)


@given(st.text(st.sampled_from("12,.x i=+-^_{}()[]\\$%/|!<>abcde\u00bd\u2212:'"), max_size=14))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_and_equals_itself_unless_it_is_empty(text):
    assert same_answer(text, text) == bool(clean(text))
    assert clean(clean(text)) == clean(text)
    assert read(clean(text)) == read(text)


def test_an_answer_joins_the_first_class_it_equals_and_no_answer_has_none():
    found = answer_classes(["1/2", None, "0.5", "3", "  ", r"\frac12", "x"])
    assert found == [0, NO_ANSWER, 0, 1, NO_ANSWER, 0, 2]
    assert answer_classes(["5 cm", "5 km", "5"]) == [0, 1, 0]
    assert answer_classes(["5 km", "5 cm", "5"]) == [0, 1, 0]


def test_plain_answers_need_no_process(monkeypatch):
    monkeypatch.setattr(answers._JUDGE, "ask", None)
    assert same_answer("1,234", "1234.0")
    assert not same_answer("3, 1, 2", "1, 2, 3")
    assert not same_answer("east", "west")
    assert not same_answer("5 cm", "5 km")


def test_a_comparison_that_does_not_end_is_given_up_and_the_next_one_works(monkeypatch):
    monkeypatch.setattr(answers, "TIMEOUT_S", 0.5)
    assert not same_answer(NEVER_ENDS, "8+x")
    monkeypatch.undo()
    assert same_answer("2^{3}+x", "x+8")


def test_comparing_works_outside_the_main_thread():
    found = []
    threads = [
        threading.Thread(target=lambda k=k: found.append(same_answer(f"{k}+y", f"y+{k}")))
        for k in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 3


@pytest.mark.parametrize("family", FAMILIES)
def test_candidates_are_judged_as_their_family_judges_them(family):
    candidates = make_candidates(family, 8, 6, seed=3, difficulty=(1, 2, 3))
    judged = [same_answer(c.answer, c.gold) for c in candidates]
    assert judged == [bool(c.outcome) for c in candidates]
    assert any(judged) and not all(judged)


@pytest.mark.parametrize(
    "first, second, same",
    [
        ("$18 per hour", "18 dollars per hour", True),
        ("$18 per hour", "18", True),
        ("$18 per hour", "$18 per day", False),
        (r"\text{(A)}, \text{(C)}", "A, C", True),
        ("(A), (C)", "(A), (B)", False),
        ("FF_{16}", "255", True),
        (r"\vec{u}\times\vec{v}", r"\vec{v}\times\vec{u}", False),
    ],
)
def test_what_a_second_set_of_answers_showed(first, second, same):
    assert same_answer(first, second) == same_answer(second, first) == same
