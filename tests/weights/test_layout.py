"""Layout patterns: a block read is the same block of the whole, and writing undoes reading."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prm_jax.models import PRESETS, HeadConfig, abstract_params, paths
from prm_jax.weights import hf_tables, layout

# Independent of the parser: how numpy says the same.
CASES = {
    "d -> d": ((5,), lambda stored: stored),
    "f d -> d f": ((4, 6), lambda stored: stored.T),
    "(n h) d -> d n h": ((5, 3, 4), lambda stored: stored.reshape(3, 4, 5).transpose(2, 0, 1)),
    "d (n h) -> n h d": ((3, 4, 5), lambda stored: stored.reshape(5, 3, 4).transpose(1, 2, 0)),
    "(n h) -> n h": ((3, 4), lambda stored: stored.reshape(3, 4)),
}


@pytest.mark.parametrize("pattern", CASES)
@given(data=st.data())
def test_a_block_is_read_as_cut_from_the_whole(pattern, data):
    shape, reference = CASES[pattern]
    stored_shape = layout.stored_shape(pattern, shape)
    stored = np.arange(np.prod(stored_shape), dtype=np.float32).reshape(stored_shape)
    whole = reference(stored)
    assert whole.shape == shape
    index = []
    for size in shape:
        start = data.draw(st.integers(0, size - 1))
        index.append(slice(start, data.draw(st.integers(start + 1, size))))
    index = data.draw(st.sampled_from([tuple(index), (slice(None),) * len(shape)]))
    block = layout.read(pattern, shape, index, lambda outer: stored[outer])
    np.testing.assert_array_equal(block, whole[index])
    np.testing.assert_array_equal(layout.write(pattern, whole), stored)


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("tiny")])
@pytest.mark.parametrize("kind", ["scalar", "linear", "mlp", "two_token"])
def test_tables_are_bijective_and_cover_every_parameter(name, kind):
    config = PRESETS[name]
    head = HeadConfig(kind, positive_id=1, negative_id=2)
    rows = hf_tables.rows_for(config, head)
    places = {(row.key, row.first, row.fused.index(row.path) if row.fused else 0) for row in rows}
    assert len({row.path for row in rows}) == len(places) == len(rows)
    assert set(paths(abstract_params(config, head))) <= {row.path for row in rows}
    for row in rows:
        assert row.n_stacks == (
            0 if not row.path.startswith("layers_0") else 1 + ("/experts/" in row.path)
        )
