"""The families by name."""

from collections.abc import Sequence

from prm_jax.data.synthetic.arithmetic import Arithmetic
from prm_jax.data.synthetic.base_conversion import BaseConversion
from prm_jax.data.synthetic.calendar import Calendar
from prm_jax.data.synthetic.code_tracing import CodeTracing
from prm_jax.data.synthetic.dyck import Dyck
from prm_jax.data.synthetic.family import Family
from prm_jax.data.synthetic.fractions import Fractions
from prm_jax.data.synthetic.gcd import Gcd
from prm_jax.data.synthetic.knights_and_knaves import KnightsAndKnaves
from prm_jax.data.synthetic.linear_equations import LinearEquations
from prm_jax.data.synthetic.linear_systems import LinearSystems
from prm_jax.data.synthetic.long_addition import LongAddition
from prm_jax.data.synthetic.long_multiplication import LongMultiplication
from prm_jax.data.synthetic.object_swaps import ObjectSwaps
from prm_jax.data.synthetic.polynomials import Polynomials
from prm_jax.data.synthetic.propositional_logic import PropositionalLogic
from prm_jax.data.synthetic.rule_chains import RuleChains
from prm_jax.data.synthetic.shortest_path import ShortestPath
from prm_jax.data.synthetic.sorting import Sorting
from prm_jax.data.synthetic.string_rewriting import StringRewriting
from prm_jax.data.synthetic.word_problems import WordProblems
from prm_jax.errors import InputError

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Arithmetic(),
        LinearEquations(),
        Dyck(),
        ObjectSwaps(),
        Fractions(),
        Gcd(),
        BaseConversion(),
        LongAddition(),
        CodeTracing(),
        LongMultiplication(),
        StringRewriting(),
        Sorting(),
        ShortestPath(),
        Polynomials(),
        RuleChains(),
        KnightsAndKnaves(),
        WordProblems(),
        PropositionalLogic(),
        Calendar(),
        LinearSystems(),
    )
}


def families_of(names: str | Sequence[str]) -> tuple[Family, ...]:
    """The families of one name or several.

    Raises:
        InputError: a name that is not in `FAMILIES`, or none at all.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names or ("",):
        if name not in FAMILIES:
            raise InputError(
                f"{name!r} is not a family",
                field="families",
                remedy=f"choose from {', '.join(FAMILIES)}",
            )
    return tuple(FAMILIES[name] for name in names)
