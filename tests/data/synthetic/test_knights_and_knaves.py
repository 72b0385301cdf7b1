"""Puzzles of knights and knaves have one solution and one chain of deductions."""

import itertools

import pytest

from prm_jax.data.synthetic import FAMILIES, check
from prm_jax.data.synthetic.family import true_states
from prm_jax.data.synthetic.statements import KINDS, OTHER, Statement, holds, misquoted
from prm_jax.data.synthetic.trajectories import generator
from prm_jax.records import Trajectory

FAMILY = FAMILIES["knights_and_knaves"]


@pytest.fixture(scope="module")
def problems():
    rng = generator(5, "puzzles")
    return [FAMILY.draw(rng, level, 2 + level) for level in (1, 2, 3, 4) for _ in range(60)]


def _said(problem):
    return [*((clue.speaker, clue.statement) for clue in problem.operations), *problem.question]


def _worlds(people, known, said):
    """All assignments of kinds that agree with what is known and with who says what."""
    for kinds in itertools.product(KINDS, repeat=len(people)):
        world = dict(zip(people, kinds))
        if known.items() <= world.items() and all(
            holds(statement, world) == (world[speaker] == "knight") for speaker, statement in said
        ):
            yield world


def test_the_solution_is_the_only_world_that_fits(problems):
    for problem in problems:
        people = [problem.start[0][0], *(clue.person for clue in problem.operations)]
        worlds = list(_worlds(people, dict(problem.start), _said(problem)))
        assert worlds == [dict(true_states(FAMILY, problem)[-1])]


def test_at_each_stage_one_person_can_be_settled_by_a_single_statement(problems):
    for problem in problems:
        for state, clue in zip(true_states(FAMILY, problem), problem.operations, strict=False):
            settled = set()
            for speaker, statement in _said(problem):
                people = {speaker, *dict(statement.parts), *dict(state)}
                worlds = list(_worlds(sorted(people), dict(state), [(speaker, statement)]))
                open_people = people - dict(state).keys()
                settled |= {p for p in open_people if len({w[p] for w in worlds}) == 1}
            assert settled == {clue.person}


def test_everybody_says_one_thing_at_most_and_some_say_what_is_not_needed(problems):
    for problem in problems:
        speakers = [speaker for speaker, _ in _said(problem)]
        assert len(speakers) == len(set(speakers))
    assert {bool(problem.question) for problem in problems} == {True, False}
    forms = {clue.statement.form for problem in problems for clue in problem.operations}
    assert forms == {"is", "same", "different", "and", "or"}


@pytest.mark.parametrize("form", ["is", "same", "different"])
def test_a_misquoted_statement_says_the_reverse(form):
    parts = (("Ava", "knight"),) if form == "is" else (("Ava", ""), ("Ben", ""))
    statement = Statement(form, parts)
    for kinds in itertools.product(KINDS, repeat=2):
        world = dict(zip(("Ava", "Ben"), kinds))
        assert holds(misquoted(statement), world) != holds(statement, world)


PROBLEM = (
    "Knights always tell the truth and knaves always lie. Ava is known to be a knave. "
    'Cleo says: "Ben is a knight or Dan is a knave." Ava says: "Ben is a knave." '
    'Dan says: "Ava and Ben are of the same kind." Who are the knights?'
)
STEPS = (
    'Suppose Ben is a knave. Then the words of Ava, "Ben is a knave", would be true, from a knave. '
    "That cannot be, so Ben is a knight. Known: Ava knave, Ben knight.",
    'If Dan were a knight, then Dan, a knight, would say something false: "Ava and Ben are of the '
    'same kind". Impossible, so Dan is a knave. This gives Ava knave, Ben knight, Dan knave.',
    "Can Cleo be a knave? No: Cleo would be a knave whose statement "
    '"Ben is a knight or Dan is a knave" is true. Hence Cleo is a knight. '
    "Now Ava knave, Ben knight, Dan knave, Cleo knight.",
    "The answer is Ben, Cleo.",
)


def test_checker_takes_a_solution_written_by_hand():
    assert check(Trajectory(problem=PROBLEM, steps=STEPS)) == [1.0] * 4


@pytest.mark.parametrize(
    "number, right, wrong",
    [
        (0, "Suppose Ben is a knave", "Suppose Ben is a knight"),
        (0, "words of Ava", "words of Dan"),
        (0, '"Ben is a knave"', '"Ben is a knight"'),
        (0, "would be true", "would be false"),
        (0, "from a knave", "from a knight"),
        (0, "so Ben is a knight", "so Ben is a knave"),
        (0, "Known: Ava knave", "Known: Ava knight"),
        (1, "gives Ava knave", "gives Ava knight"),
        (1, "so Dan is", "so Cleo is"),
        (2, "or Dan", "and Dan"),
        (3, "Ben, Cleo", "Ben, Dan"),
    ],
)
def test_checker_reads_every_part_of_a_step(number, right, wrong):
    steps = [*STEPS[:number], STEPS[number].replace(right, wrong)]
    assert steps[number] != STEPS[number]
    assert check(Trajectory(problem=PROBLEM, steps=tuple(steps))) == [1.0] * number + [0.0]


def test_a_step_that_needs_somebody_still_open_is_wrong():
    alone = STEPS[1].replace("Ava knave, Ben knight, Dan", "Ava knave, Dan")
    assert check(Trajectory(problem=PROBLEM, steps=(alone,))) == [0.0]


def test_the_answer_follows_from_the_kinds():
    assert FAMILY.answer(None, (("Cleo", "knight"), ("Ava", "knave"), ("Ben", "knight"))) == (
        "Ben, Cleo"
    )
    assert FAMILY.answer(None, (("Cleo", OTHER["knight"]),)) == "nobody"
