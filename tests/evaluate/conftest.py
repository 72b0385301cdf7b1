"""Small sets of solutions with known figures."""

import pytest

from prm_jax.records import Trajectory


@pytest.fixture
def solution():
    """Makes a solution with as many steps as asked for."""

    def make(n_steps, first_error=None, **fields):
        fields = {"problem": f"problem {fields.get('id')}", **fields}
        steps = tuple(f"step {i}" for i in range(n_steps))
        return Trajectory(steps=steps, first_error=first_error, **fields)

    return make
