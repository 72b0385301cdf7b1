"""Systems of equations: the values that a right solution finds satisfy both equations."""

import re

from prm_jax.data.synthetic import make_trajectories

SIDES = re.compile(r"(-?\d*[xy](?: [-+] \d*y)?) = (-?\d+)")


def _left(text, x, y):
    total = 0
    for sign, size, letter in re.findall(r"([-+]?) ?(\d*)([xy])", text):
        value = int(size or 1) * {"x": x, "y": y}[letter]
        total += -value if sign == "-" else value
    return total


def test_the_solution_satisfies_both_equations_and_gold_is_what_is_asked():
    items = make_trajectories("linear_systems", 300, 0, difficulty=(1, 2, 3, 4), error_rate=0.0)
    for item in items:
        last = [s for s in item.steps if "answer" not in s.lower()][-1]
        y = int(re.findall(r"y = (-?\d+)", last)[-1])
        x = re.findall(r"\bx = (-?\d+)", last)
        equations = SIDES.findall(item.problem)
        assert len(equations) == 2 and x
        assert all(_left(left, int(x[-1]), y) == int(right) for left, right in equations)
        asked = re.search(r"(?:Find|what is|Determine) (x(?: [-+] y)?)", item.problem)[1]
        wanted = {"x": int(x[-1]), "x + y": int(x[-1]) + y, "x - y": int(x[-1]) - y}
        assert int(item.gold) == wanted[asked]
