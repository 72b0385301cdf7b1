"""The families by name."""

from collections.abc import Sequence

from prm_jax.data.synthetic.arithmetic import Arithmetic
from prm_jax.data.synthetic.dyck import Dyck
from prm_jax.data.synthetic.family import Family
from prm_jax.data.synthetic.linear_equations import LinearEquations
from prm_jax.data.synthetic.object_swaps import ObjectSwaps
from prm_jax.errors import InputError

FAMILIES: dict[str, Family] = {
    family.name: family for family in (Arithmetic(), LinearEquations(), Dyck(), ObjectSwaps())
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
