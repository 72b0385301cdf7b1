"""Labels agree with a checker that reads the texts alone, and that checker sees what is wrong."""

import dataclasses
import re

import numpy as np
import pytest

from prm_jax.data.synthetic import FAMILIES, check, make_trajectories
from prm_jax.errors import InputError
from prm_jax.records import Trajectory, Where

N = 2000
LEVELS = (1, 2, 3, 4)


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request):
    return request.param


@pytest.fixture(scope="module")
def items(family):
    """Every level and kind, each step labelled by the steps before it."""
    return make_trajectories(family, N, seed=11, difficulty=LEVELS, after_error="local")


def test_checker_agrees_with_the_injected_labels_on_every_item(items):
    assert [check(item) for item in items] == [list(item.labels) for item in items]


def test_every_kind_of_the_family_occurs(family, items):
    kinds = {item.meta["error_kind"] for item in items if "error_kind" in item.meta}
    assert kinds == set(FAMILIES[family].weights)
    assert len(kinds) >= 5


@pytest.mark.parametrize("level", LEVELS)
def test_every_kind_can_be_asked_for_alone_at_every_level(family, level):
    for kind in FAMILIES[family].weights:
        if kind == "partial_expansion" and level == 1:
            continue  # the shortest equations have no parentheses
        options = {"kinds": [kind], "difficulty": level, "check_rate": 1.0, "after_error": "local"}
        items = make_trajectories(family, 6, 0, error_rate=0.8, **options)
        assert {item.meta.get("error_kind", kind) for item in items} == {kind}
        assert [check(item) for item in items] == [list(item.labels) for item in items]


OBJECTS = ("ball", "book", "key", "cup", "hat", "lamp", "pen", "coin")
NEXT = dict(zip((*OBJECTS, *"()[]{}<>ABCDTF"), (*OBJECTS[1:], OBJECTS[0], *"[]{}<>()BCDAFT")))
NEXT |= {"knight": "knave", "knave": "knight"}
TOKEN = re.compile(r"\d+|[][(){}<>]|\b(?:[A-DTF]|knight|knave|" + "|".join(OBJECTS) + r")\b")


def _with_the_last_token_changed(step):
    """The step with its last number, bracket, letter, object or kind replaced by another one."""
    found = list(TOKEN.finditer(step))
    if not found:
        return None
    last = found[-1][0]
    other = f"{int(last) + 1:0{len(last)}}" if last.isdigit() else NEXT[last]
    return step[: found[-1].start()] + other + step[found[-1].end() :]


def test_checker_sees_a_changed_step(items):
    rng, seen = np.random.default_rng(0), 0
    for item in items[:200]:
        index = int(rng.integers(len(item.steps)))
        changed = _with_the_last_token_changed(item.steps[index])
        if item.first_error == -1 and changed:
            steps = (*item.steps[:index], changed, *item.steps[index + 1 :])
            assert check(dataclasses.replace(item, steps=steps))[index] == 0
            seen += 1
    assert seen > 60


def test_checker_sees_an_operation_left_out(family, items):
    """In an equation the last one: collecting terms and expanding may be done in one step."""
    index = -2 if family == "linear_equations" else 0
    for item in items[:300]:
        if item.first_error == -1 and not any(re.search("check|verify", s) for s in item.steps):
            steps = list(item.steps)
            del steps[index]
            assert 0.0 in check(dataclasses.replace(item, steps=tuple(steps)))


def test_checker_judges_steps_that_lead_nowhere_wrong(items):
    """Too many steps, and a check before there is anything to check."""
    for item in items[:100]:
        verdicts = check(dataclasses.replace(item, steps=item.steps[:-1] + item.steps[:-1]))
        assert verdicts[: len(item.steps) - 1] == list(item.labels[:-1]) and 0.0 in verdicts
        checks = [step for step in item.steps if re.search("check|verify", step)]
        if checks:
            assert check(dataclasses.replace(item, steps=checks)) == [0.0]


def test_checker_reads_nothing_but_the_texts(items):
    for item in items[:200]:
        assert check(Trajectory(problem=item.problem, steps=item.steps)) == list(item.labels)


def test_checker_refuses_a_text_that_it_cannot_read(items):
    with pytest.raises(InputError, match="field 'steps.0.'"):
        check(dataclasses.replace(items[0], steps=("It is obvious.",)))
    with pytest.raises(InputError, match="field 'problem'"):
        check(dataclasses.replace(items[0], problem="Why?"))


def test_outcome_says_whether_the_stated_answer_is_gold(items):
    for item in items:
        stated = re.search(r"(?:answer is|Answer:) (?:x = |the )?(.+)\.$", item.steps[-1])[1]
        assert stated == item.answer
        assert item.outcome == float(stated == item.gold)


def test_lucky_cancellation_is_a_right_answer_from_a_wrong_process(items):
    lucky = [item for item in items if item.meta.get("error_kind") == "lucky_cancellation"]
    assert len(lucky) > 20
    for item in lucky:
        assert item.outcome == 1 and check(item).count(0.0) >= 2


def test_self_correction_is_one_wrong_step_that_the_next_one_repairs(items):
    corrected = [item for item in items if item.meta.get("error_kind") == "self_corrected"]
    assert len(corrected) > 10
    for item in corrected:
        wrong = [i for i, verdict in enumerate(check(item)) if verdict == 0]
        assert wrong == [item.first_error] and item.outcome == 1
        assert re.search("wrong|corrects|not what", item.steps[item.first_error + 1])


def test_false_alarms_stand_in_solutions_without_error(items):
    right = [item for item in items if item.first_error == -1]
    alarms = [item for item in right if any("check" in step for step in item.steps)]
    assert 0.1 < len(alarms) / len(right) < 0.4


@pytest.mark.parametrize("policy, after", [("mask", {None}), ("zero", {0.0})])
def test_steps_after_an_error_follow_the_policy(family, policy, after):
    items = make_trajectories(family, 400, seed=3, after_error=policy)
    for item in items:
        first = item.first_error
        if item.meta.get("error_kind") == "self_corrected":
            assert set(item.labels[:first] + item.labels[first + 1 :]) == {1.0}
        elif first >= 0:
            assert item.labels[first] == 0 and set(item.labels[:first]) <= {1.0}
            assert set(item.labels[first + 1 :]) <= after
        else:
            assert set(item.labels) == {1.0}
        assert item.meta.get("error_step", -1) == first


def test_rows_are_valid_records(items):
    for item in items[:200]:
        assert Trajectory.from_dict(item.to_dict(), Where("rows", 1)) == item


def test_a_longer_list_starts_with_the_shorter_one(family):
    assert make_trajectories(family, 40, 5)[:15] == make_trajectories(family, 15, 5)


def test_an_item_does_not_depend_on_the_families_beside_it(family):
    names = sorted(FAMILIES)
    mixed = make_trajectories(names, 5 * len(names), 5)
    assert mixed[names.index(family) :: len(names)] == make_trajectories(family, 5, 5)


def test_seeds_give_different_items(family):
    first, second = (make_trajectories(family, 20, seed) for seed in (0, 1))
    assert not {item.problem for item in first} & {item.problem for item in second}


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.8])
def test_share_of_wrong_trajectories_is_the_rate_asked_for(rate):
    items = make_trajectories("arithmetic", 1000, 7, error_rate=rate)
    share = sum(item.first_error >= 0 for item in items) / len(items)
    assert abs(share - rate) <= 4 * np.sqrt(rate * (1 - rate) / len(items))


@pytest.mark.parametrize(
    "options, field",
    [
        ({"family": "chess"}, "families"),
        ({"family": []}, "families"),
        ({"kinds": ["forgot_push"]}, "kinds"),
        ({"kinds": {"slip": 0.0}}, "kinds"),
        ({"kinds": ["self_corrected"], "check_rate": 0.0}, "kinds"),
        ({"difficulty": 9}, "difficulty"),
        ({"difficulty": ()}, "difficulty"),
        ({"error_rate": 1.0}, "error_rate"),
        ({"check_rate": 1.5}, "check_rate"),
        ({"after_error": "drop"}, "after_error"),
        ({"split": "dev"}, "split"),
        ({"seed": -1}, "seed"),
        ({"n": -1}, "n"),
    ],
)
def test_an_argument_that_does_not_exist_is_named(options, field):
    with pytest.raises(InputError, match=f"field '{field}'"):
        make_trajectories(**{"family": "arithmetic", "n": 8, "seed": 0, **options})
