"""Which problems two sets share: symmetric, blind to order and formatting, not to numbers."""

import random
import time

import pytest

from prm_jax.data.overlap import compare, near_pairs, normalize, remove_duplicates
from prm_jax.errors import InputError
from prm_jax.records import Trajectory

WORDS = """apple river seven train captain half window marble garden equal circle paint
number baker twice yellow ticket bridge ladder corner winter summer pencil market""".split()


def tales(n, seed, length=30):
    """Problems of random words and two numbers, unrelated to one another."""
    draw = random.Random(seed)
    texts = []
    for _ in range(n):
        words = [draw.choice(WORDS) for _ in range(length)]
        words[length // 2] = str(draw.randrange(9999))
        words[length // 3] = str(draw.randrange(9999))
        texts.append(" ".join(words) + "?")
    return texts


def changed_number(text):
    """The text with its first number changed."""
    old = next(word for word in text.rstrip("?").split() if word.isdecimal())
    return text.replace(old, str(int(old) + 1), 1)


def jaccard(first, second):
    a, b = ({text[i : i + 5] for i in range(len(text) - 4)} for text in (first, second))
    return len(a & b) / len(a | b)


TEXT = r"Let $x^2 + \frac{1}{2} = 3$. Find 12 and 5 of Fig. A_1."


@pytest.mark.parametrize(
    "same",
    [
        r"  let \(x^2+\dfrac{1}{2}=3\). Find 12" + "\n and 5 of fig. A _ 1. ",
        r"LET \[x ^ 2 \\ \,+\, \tfrac{1}{2} \quad = \; 3\] . find 12 and 5 of fig.~a_1.",
        r"Let $$x^\left2 + \displaystyle\frac{1}{2} = 3$$. Find 12 and 5 of Fig. A_1.",
    ],
)
def test_texts_that_differ_in_formatting_are_equal(same):
    assert normalize(same) == normalize(TEXT)


@pytest.mark.parametrize(
    "other",
    [TEXT.replace("12", "1 2"), TEXT.replace("12", "13"), TEXT.replace("+", "-"), TEXT[:-1]],
)
def test_texts_that_differ_in_numbers_signs_or_punctuation_are_not(other):
    assert normalize(other) != normalize(TEXT)
    assert normalize(r"\leftarrow \rightarrow \quadric") == r"\leftarrow\rightarrow\quadric"


def test_similar_pairs_are_those_that_comparing_all_pairs_finds():
    first = tales(40, seed=0, length=8)
    second = [text[: random.Random(text).randrange(5, len(text))] for text in first] + ["abc", ""]
    for threshold in (0.3, 0.5, 0.9, 1.0):
        expected = {
            (i, j)
            for i, a in enumerate(first)
            for j, b in enumerate(second[:40])
            if jaccard(a, b) >= threshold
        }
        found = near_pairs(first, second, threshold)
        assert {(i, j) for i, j, _ in found} == expected
        assert found == sorted(found)
        for i, j, similarity in found:
            assert similarity == pytest.approx(jaccard(first[i], second[j]), abs=1e-12)
    assert near_pairs(["abc", ""], ["abc", "", "abcd"]) == [(0, 0, 1.0), (1, 1, 1.0)]


def test_an_edited_problem_is_near_and_not_exact_and_unrelated_ones_are_neither():
    first, second = tales(50, seed=1), tales(50, seed=2)
    second[7] = changed_number(first[3])
    second[9] = f" {first[4].upper()}\n"
    report = compare(first, second)
    assert (
        report["first"] == report["second"] == {"rows": 50, "problems": 50, "exact": 1, "near": 1}
    )
    assert report["examples"]["exact"] == [normalize(first[4])]
    (near,) = report["examples"]["near"]
    assert (near["first"], near["second"]) == (first[3], second[7])
    assert 0.7 <= near["similarity"] < 1
    assert compare(first, second, threshold=0.99)["first"]["near"] == 0


def test_the_report_is_symmetric_and_blind_to_order_and_repetition():
    first, second = tales(30, seed=3), tales(20, seed=4)
    second += [changed_number(text) for text in first[:4]] + first[8:10]
    report = compare(first, second)
    mirrored = compare(second, first)
    assert (report["first"], report["second"]) == (mirrored["second"], mirrored["first"])
    flipped = [
        {"first": near["second"], "second": near["first"], "similarity": near["similarity"]}
        for near in mirrored["examples"]["near"]
    ]
    by_text = sorted(flipped, key=lambda near: near["first"])
    assert by_text == sorted(report["examples"]["near"], key=lambda near: near["first"])
    assert compare(first[::-1], [f"{text}  " for text in reversed(second)]) == report
    doubled = compare(first * 2, second)
    assert doubled["first"].pop("rows") == 60 and report["first"].pop("rows") == 30
    assert doubled == report


def test_an_exact_duplicate_that_is_also_near_another_counts_once():
    (text,) = tales(1, seed=5)
    report = compare([text], [text, changed_number(text)])
    assert report["first"] == {"rows": 1, "problems": 1, "exact": 1, "near": 0}
    assert report["second"] == {"rows": 2, "problems": 2, "exact": 1, "near": 1}


def test_duplicates_are_removed_with_all_their_solutions():
    texts = tales(6, seed=6)
    many = [Trajectory(text, ("a",), id=f"{i}") for i, text in enumerate(texts * 2)]
    against = [texts[0].upper(), changed_number(texts[1]), "something else"]
    kept, removed = remove_duplicates(many, against)
    assert [t.id for t in removed] == ["0", "6"] and len(kept) == 10
    kept, removed = remove_duplicates(many, against, threshold=0.7)
    assert [t.id for t in removed] == ["0", "1", "6", "7"]
    assert [t.id for t in kept] == ["2", "3", "4", "5", "8", "9", "10", "11"]
    assert remove_duplicates(many, []) == (many, []) and remove_duplicates([], against) == ([], [])


@pytest.mark.parametrize("threshold", [0, -0.5, 1.5, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(InputError, match="threshold"):
        near_pairs(["a"], ["b"], threshold)


def test_ten_thousand_problems_against_as_many_take_seconds():
    first = tales(10_000, seed=7, length=25)
    second = tales(9_900, seed=8, length=25) + [changed_number(text) for text in first[:100]]
    began = time.monotonic()
    report = compare(first, second, threshold=0.8)
    assert report["first"]["near"] == report["second"]["near"] == 100
    assert time.monotonic() - began < 40
