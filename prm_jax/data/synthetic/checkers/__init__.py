"""Judging a solution from its texts alone.

Nothing here imports a generator: each checker reads the problem and the steps anew, so that
agreement with the labels is evidence for both.
"""

from prm_jax.data.synthetic.checkers.arithmetic import ArithmeticChecker
from prm_jax.data.synthetic.checkers.base_conversion import BaseConversionChecker
from prm_jax.data.synthetic.checkers.calendar import CalendarChecker
from prm_jax.data.synthetic.checkers.code_tracing import CodeTracingChecker
from prm_jax.data.synthetic.checkers.dyck import DyckChecker
from prm_jax.data.synthetic.checkers.fractions import FractionsChecker
from prm_jax.data.synthetic.checkers.gcd import GcdChecker
from prm_jax.data.synthetic.checkers.judge import judge
from prm_jax.data.synthetic.checkers.knights_and_knaves import KnightsAndKnavesChecker
from prm_jax.data.synthetic.checkers.linear_equations import LinearEquationsChecker
from prm_jax.data.synthetic.checkers.linear_systems import LinearSystemsChecker
from prm_jax.data.synthetic.checkers.long_addition import LongAdditionChecker
from prm_jax.data.synthetic.checkers.long_multiplication import LongMultiplicationChecker
from prm_jax.data.synthetic.checkers.object_swaps import ObjectSwapsChecker
from prm_jax.data.synthetic.checkers.polynomials import PolynomialsChecker
from prm_jax.data.synthetic.checkers.propositional_logic import PropositionalLogicChecker
from prm_jax.data.synthetic.checkers.rule_chains import RuleChainsChecker
from prm_jax.data.synthetic.checkers.shortest_path import ShortestPathChecker
from prm_jax.data.synthetic.checkers.sorting import SortingChecker
from prm_jax.data.synthetic.checkers.string_rewriting import StringRewritingChecker
from prm_jax.data.synthetic.checkers.word_problems import WordProblemsChecker
from prm_jax.errors import InputError

CHECKERS = (
    LinearEquationsChecker(),
    ArithmeticChecker(),
    DyckChecker(),
    ObjectSwapsChecker(),
    FractionsChecker(),
    GcdChecker(),
    BaseConversionChecker(),
    LongAdditionChecker(),
    CodeTracingChecker(),
    LongMultiplicationChecker(),
    StringRewritingChecker(),
    SortingChecker(),
    ShortestPathChecker(),
    PolynomialsChecker(),
    RuleChainsChecker(),
    KnightsAndKnavesChecker(),
    WordProblemsChecker(),
    PropositionalLogicChecker(),
    CalendarChecker(),
    LinearSystemsChecker(),
)


def check(trajectory) -> list[float]:
    """Judges every step by the problem and the steps before it, as they are written.

    A step that follows faithfully from a wrong one is right in this sense, as in the labels of
    after_error='local'.

    Args:
        trajectory: a `Trajectory` of one of the families; only `problem` and `steps` are read.

    Returns:
        1.0 (right) or 0.0 (wrong) per step.

    Raises:
        InputError: a text that no checker can read.
    """
    for checker in CHECKERS:
        problem = checker.read_problem(trajectory.problem)
        if problem is not None:
            return judge(checker, problem, trajectory.steps)
    raise InputError(
        "no checker reads this problem",
        field="problem",
        remedy="give one of the synthetic families",
    )
