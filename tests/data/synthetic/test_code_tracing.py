"""Traced programs are valid Python, and Python itself agrees with the tables of right solutions."""

import json
import subprocess
import sys

import numpy as np
import pytest

from prm_jax.data.synthetic import FAMILIES, check
from prm_jax.data.synthetic.family import true_states
from prm_jax.data.synthetic.programs import Branch, Fault, execute
from prm_jax.data.synthetic.trajectories import generator
from prm_jax.records import Trajectory

# Runs each program line by line; a table is noted when a line that is neither a loop's head nor a
# condition has been run.
TRACER = """
import json, sys

def trace(program):
    tables, lines, last = [], program.splitlines(), [""]
    def seen(frame, event, argument):
        if last[0] and not last[0].lstrip().startswith(("for ", "if ")):
            tables.append({k: list(v) if isinstance(v, list) else v
                           for k, v in frame.f_locals.items()})
        last[0] = lines[frame.f_lineno - 1] if event == "line" else ""
        return seen
    code = compile(program, "program", "exec")
    def begin(frame, event, argument):
        return seen if frame.f_code is code else None
    sys.settrace(begin)
    exec(code, {"__builtins__": {"range": range}}, {})
    sys.settrace(None)
    return tables

print(json.dumps([trace(program) for program in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def problems():
    family, rng = FAMILIES["code_tracing"], generator(3, "programs")
    return [family.draw(rng, level, 2 + level) for level in (1, 2, 3, 4) for _ in range(150)]


def _run_by_python(problems):
    """The tables of each program after each statement, its start values included."""
    programs = ["\n".join(problem.question.program) for problem in problems]
    done = subprocess.run(
        [sys.executable, "-c", TRACER],
        input=json.dumps(programs),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_python_makes_the_tables_of_the_right_solution(problems):
    family, traced = FAMILIES["code_tracing"], _run_by_python(problems)
    for problem, tables in zip(problems, traced, strict=True):
        states = true_states(family, problem)
        expected = [{k: list(v) if isinstance(v, tuple) else v for k, v in s} for s in states]
        assert tables[len(problem.start) - 1 :] == expected
        assert list(tables[-1]) == [name for name, _ in states[-1]]
        assert family.answer(problem, states[-1]) == str(tables[-1][problem.question.variable])


def test_every_statement_changes_the_table(problems):
    for problem in problems:
        states = true_states(FAMILIES["code_tracing"], problem)
        assert all(a != b for a, b in zip(states, states[1:]))


def test_loops_over_lists_and_ranges_occur_at_every_level_with_lists(problems):
    for first in (150, 300, 450):
        turns = [turn for problem in problems[first : first + 150] for turn in problem.operations]
        assert {type(turn.loop.over) for turn in turns if turn.loop} == {str, range}


def test_conditions_hold_about_half_of_the_time(problems):
    family, verdicts = FAMILIES["code_tracing"], []
    for problem in problems:
        for turn, state in zip(problem.operations, true_states(family, problem), strict=False):
            if isinstance(turn.statement, Branch):
                done = execute(turn, state, problem.limits).operation
                verdicts.append(done.condition[1] == "true")
    assert len(verdicts) > 300 and 0.4 < np.mean(verdicts) < 0.6


def test_a_condition_judged_the_wrong_way_round_runs_the_other_branch(problems):
    seen = 0
    for problem in problems:
        turn = problem.operations[0]
        right = execute(turn, problem.start, problem.limits).operation
        wrong = execute(turn, problem.start, problem.limits, Fault(other_branch=True))
        if right.condition is not None and wrong is not None:
            assert {right.condition[1], wrong.operation.condition[1]} == {"true", "false"}
            assert right.assignment != wrong.operation.assignment
            seen += 1
    assert seen > 50


PROGRAM = """What is the value of a after this program has run?
row = [4, 7]
a = 3
b = 10
for i in row:
    if a < i:
        a = a + i
    else:
        b = b - row[1]
a = b % 4"""
STEPS = (
    "With i = 4: a < i is true (3 < 4), so a = a + i gives 3 + 4 = 7. "
    "Table: row = [4, 7], a = 7, b = 10, i = 4.",
    "With i = 7: a < i is false (7 < 7), so b = b - row[1] gives 10 - 7 = 3. "
    "Table: row = [4, 7], a = 7, b = 3, i = 7.",
    "a = b % 4 gives 3 % 4 = 3. Table: row = [4, 7], a = 3, b = 3, i = 7.",
    "The answer is 3.",
)


def test_checker_takes_a_solution_written_by_hand():
    assert check(Trajectory(problem=PROGRAM, steps=STEPS)) == [1.0] * 4


@pytest.mark.parametrize(
    "number, right, wrong",
    [
        (0, "With i = 4", "With i = 7"),
        (0, "a < i is true", "a < i is false"),
        (0, "(3 < 4)", "(3 < 5)"),
        (0, "a = a + i", "a = a + b"),
        (0, "3 + 4 = 7", "4 + 3 = 7"),
        (1, "10 - 7 = 3", "10 - 7 = 4"),
        (1, "row = [4, 7]", "row = [4, 8]"),
        (1, "b = 3, i = 7", "b = 3"),
        (2, "a = 3, b", "a = 4, b"),
        (3, "3.", "4."),
    ],
)
def test_checker_reads_every_part_of_a_step(number, right, wrong):
    steps = [*STEPS[:number], STEPS[number].replace(right, wrong)]
    assert steps[number] != STEPS[number]
    assert check(Trajectory(problem=PROGRAM, steps=tuple(steps))) == [1.0] * number + [0.0]
