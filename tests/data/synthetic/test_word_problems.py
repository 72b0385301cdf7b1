"""Word problems: facts that nobody needs stand in the text and change nothing."""

import re

from prm_jax.data.synthetic import check, make_trajectories
from prm_jax.data.synthetic.carries import lost_carries


def test_an_irrelevant_number_is_one_of_the_problem_that_the_right_steps_do_not_use():
    items = make_trajectories(
        "word_problems", 60, 0, kinds=["irrelevant_number"], error_rate=0.9, after_error="local"
    )
    wrong = [item for item in items if item.first_error >= 0]
    assert len(wrong) > 40
    for item in wrong:
        facts = set(re.findall(r"\d+", item.problem)) - set(re.findall(r"\d+", item.meta["key"]))
        assert facts & set(re.findall(r"\d+", item.steps[item.first_error]))


def test_without_the_facts_the_solution_is_judged_the_same():
    fact = re.compile(
        r"(?:It is|The neighbor of|The next town|\w+ lives at) ?[^.]*?\d+[^.]*\. (?=[A-Z])"
    )
    seen = 0
    for item in make_trajectories("word_problems", 200, 1, after_error="local"):
        short = fact.sub("", item.problem)
        seen += short != item.problem
        bare = type(item)(problem=short, steps=item.steps)
        assert check(bare) == list(item.labels)
    assert seen > 150


def test_every_forgotten_carry_is_found():
    assert lost_carries(57, "+", 68) == [-10, -100]
    assert lost_carries(52, "-", 17) == [10]
    assert lost_carries(36, "*", 4) == [-20, -140 + 40]
    assert lost_carries(11, "+", 22) == []
