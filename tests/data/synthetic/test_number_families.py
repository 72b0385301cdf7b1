"""Families of calculations: gold answers against Python's own arithmetic, and texts by hand."""

import math
import operator
import re
from fractions import Fraction

import pytest

from prm_jax.data.synthetic import FAMILIES, check, make_trajectories
from prm_jax.data.synthetic.family import COMPOSITE, OPERATION_COUNTS
from prm_jax.records import Trajectory


def _numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def _fraction_chain(problem):
    words = {
        r"add|poured in": operator.add,
        r"subtract|poured out": operator.sub,
        r"multiply|makes it": operator.mul,
    }
    first, *clauses = re.split(r", then |: |\. Then |, (?=add|subtract|multiply)", problem)
    value = Fraction(re.search(r"\d+/\d+", first)[0])
    for clause in clauses:
        operation = next(words[pattern] for pattern in words if re.search(pattern, clause))
        value = operation(value, Fraction(re.search(r"\d+/\d+", clause)[0]))
    return str(value)


def _in_base(problem):
    numbers = _numbers(problem)
    if problem.startswith("Convert"):
        number, _, base = numbers
    elif problem.startswith("A counter"):
        base, number = numbers[0], numbers[-1]
    else:
        number, base = numbers
    digits = ""
    while number:
        digits, number = f"{number % base}{digits}", number // base
    return digits


def _summands(problem):
    return re.sub(r"that weighs \d+ kg", "", problem)


EXPECTED = {
    "fractions": _fraction_chain,
    "gcd": lambda problem: str(math.gcd(*_numbers(problem)[:2])),
    "base_conversion": _in_base,
    "long_addition": lambda problem: str(sum(_numbers(_summands(problem)))),
    "long_multiplication": lambda problem: str(math.prod(_numbers(problem)[:2])),
}


@pytest.mark.parametrize("family", sorted(EXPECTED))
def test_gold_answer_is_what_plain_arithmetic_gives(family):
    for item in make_trajectories(family, 300, 0, difficulty=(1, 2, 3, 4)):
        assert item.gold == EXPECTED[family](item.problem)


def _value(polynomial, x):
    powers = polynomial.replace("^", "**").replace(")(", ")*(")
    return eval(re.sub(r"(\d)x", r"\1*x", powers), {"x": x})


def test_expanded_polynomial_has_the_values_of_the_product():
    for item in make_trajectories("polynomials", 200, 0, difficulty=(1, 2, 3, 4)):
        product = re.search(r"\(.*\)", item.problem)[0]
        n_factors = product.count("(")
        assert "(" not in item.gold
        for x in range(-5, n_factors - 4):  # one point more than the degree
            assert _value(item.gold, x) == _value(product, x)


@pytest.mark.parametrize("family", [*EXPECTED, "polynomials"])
def test_there_are_as_many_steps_as_operations_whether_an_error_was_made_or_not(family):
    for level, (low, high) in OPERATION_COUNTS.items():
        items = make_trajectories(family, 100, 0, difficulty=level, check_rate=0.0)
        assert {len(item.steps) - 1 for item in items} == set(range(low, high + 1))


@pytest.mark.parametrize("family", [*EXPECTED, "polynomials"])
def test_there_are_four_single_kinds_of_error_and_three_phrasings(family):
    assert len(set(FAMILIES[family].weights) - set(COMPOSITE)) >= 4
    items = make_trajectories(family, 60, 0, check_rate=0.0)
    assert len({item.problem.split()[0] for item in items}) >= 3


BY_HAND = {
    "Begin at the fraction 1/2, then add 1/6. Give the result in lowest terms.": {
        "Then add 1/6: 1/2 + 1/6 = 2/3.": 1.0,
        "Then add 1/6: 1/2 + 1/6 = 4/6.": 0.0,
        "Then add 1/6: 1/2 + 1/6 = 2/8.": 0.0,
        "Then add 1/6: 1/2 - 1/6 = 1/3.": 0.0,
        "Taking 1/6 from 1/2 gives 1/3 in lowest terms.": 0.0,
    },
    "Find gcd(50, 20) with Euclid's algorithm.": {
        "50 = 2 * 20 + 10, so the gcd of 50 and 20 is that of 20 and 10.": 1.0,
        "50 = 1 * 20 + 30, so the gcd of 50 and 20 is that of 20 and 30.": 0.0,
        "50 = 2 * 20 + 10, so the gcd of 50 and 20 is that of 50 and 10.": 0.0,
        "50 = 2 * 20 + 10, so the gcd of 50 and 30 is that of 20 and 10.": 0.0,
        "Dividing 50 by 20 gives 3 and leaves 10; the pair is now 20 and 10.": 0.0,
    },
    "Write 35 in base 4.": {
        "35 = 8 * 4 + 3, so the digits end in 3.": 1.0,
        "35 = 7 * 4 + 7, so the digits end in 7.": 0.0,
        "35 / 5 = 7 remainder 0. Last digits: 0.": 0.0,
        "35 / 4 = 8 remainder 3. Last digits: 03.": 0.0,
    },
    "Work out the sum 58 + 67 by hand.": {
        "Column 1: 8 + 7, carried 0, makes 15; write 5, carry 1. So far 5.": 1.0,
        "Column 1: 8 + 7, carried 0, makes 15; write 5, carry 0. So far 5.": 0.0,
        "Column 1: 8 + 7, carried 0, makes 15; write 1, carry 5. So far 1.": 0.0,
        "Column 2: 5 + 6, carried 0, makes 11; write 1, carry 1. So far 1.": 0.0,
        "Column 1: 8 + 6, carried 0, makes 14; write 4, carry 1. So far 4.": 0.0,
    },
    "Work out 23 * 45 by hand.": {
        "23 * 5 = 115. Parts so far: 115.": 1.0,
        "23 * 5 = 115. Parts so far: 151.": 0.0,
        "23 * 5 = 125. Parts so far: 125.": 0.0,
        "23 * 40 = 920. Parts so far: 920.": 0.0,
        "23 + 5 = 28. Parts left: 28.": 0.0,
    },
    "Expand (x + 2)(x - 3).": {
        "Multiply by (x - 3): x^2 - x - 6.": 1.0,
        "Multiply by (x - 3): -x + x^2 - 6.": 1.0,
        "Multiply by (x - 3): x^2 + x - 6.": 0.0,
        "Multiply by (x - 3): x^2 - 6.": 0.0,
        "Multiply by (x + 3): x^2 + 5x + 6.": 0.0,
    },
}


@pytest.mark.parametrize("problem", sorted(BY_HAND))
def test_checker_judges_first_steps_written_by_hand(problem):
    for step, verdict in BY_HAND[problem].items():
        assert check(Trajectory(problem=problem, steps=(step,))) == [verdict], step


@pytest.mark.parametrize(
    "problem, answer",
    [
        ("Find gcd(40, 20) with Euclid's algorithm.", "20"),
        ("Write 8 in base 3.", "22"),
        ("Work out the sum 58 + 67 by hand.", "125"),
        ("Work out 23 * 40 by hand.", "920"),
        ("Expand (x + 2)(x - 3).", "x^2 - x - 6"),
    ],
)
def test_right_answer_that_no_step_leads_to_is_wrong(problem, answer):
    assert check(Trajectory(problem=problem, steps=(f"Answer: {answer}.",))) == [0.0]
