import threading

import pytest

from prm_jax.scoring import answers
from prm_jax.scoring.answers import NO_ANSWER, answer_classes, same_answer

SAME = [
    ("1/2", "0.5"),
    ("2/4", "1/2"),
    ("10 %", ".1"),
    (r"10\%", ".1"),
    (r"\{1,2\}", r"\{2,1\}"),
    ("{1,2}", "{2,1}"),
    ("x=5", "5"),
    ("1,000", "1000"),
    ("$1,800.50", "1800.5"),
    ("2^{10}", "1024"),
    (r"\frac12", "0.5"),
    (r"\boxed{\dfrac{1}{2}}", "0.5"),
    ("5 cm", "5"),
    (r"\text{east}", "East"),
    ("-0", "0"),
    ("18.", "$18$"),
    ("A", "(A)"),
]
DIFFERENT = [
    ("(1,2)", "[1,2]"),
    ("(1,2)", "(2,1)"),
    (r"3\pi", "9.42"),
    (r"\boxed{3} and \boxed{4}", "4"),
    ("", ""),
    ("", "0"),
    ("two", "tow"),
    ("A", "B"),
    ("0.1", "0.1000001"),
    ("1/0", "2/0"),
]


@pytest.mark.parametrize("first, second", SAME)
def test_equivalent_answers_are_the_same_in_both_orders(first, second):
    assert same_answer(first, second)
    assert same_answer(second, first)


@pytest.mark.parametrize("first, second", DIFFERENT)
def test_other_answers_differ_in_both_orders(first, second):
    assert not same_answer(first, second)
    assert not same_answer(second, first)


def test_an_answer_joins_the_first_class_it_equals_and_no_answer_has_none():
    found = answer_classes(["1/2", None, "0.5", "3", "  ", r"\frac12", "x"])
    assert found == [0, NO_ANSWER, 0, 1, NO_ANSWER, 0, 2]


def test_a_comparison_that_does_not_end_is_given_up_and_the_next_one_works(monkeypatch):
    monkeypatch.setattr(answers, "TIMEOUT_S", 0.5)
    assert not same_answer("10^{10^{10}}+1", "7+x")
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
