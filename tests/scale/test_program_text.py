"""What is counted in a program's text is what the program does."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax.errors import InputError
from prm_jax.models import make_mesh
from prm_jax.models.constraints import look_up
from prm_jax.scale.program_text import Counts, count

LAYERS, D, B = 5, 64, 16


def compiled_text(function, *arguments):
    return jax.jit(function).lower(*arguments).compile().as_text()


def test_a_loop_counts_as_often_as_it_runs():
    mesh = make_mesh(fsdp=8)
    kernels = jax.ShapeDtypeStruct(
        (LAYERS, D, D), jnp.float32, sharding=NamedSharding(mesh, P(None, "fsdp", None))
    )
    rows = NamedSharding(mesh, P("fsdp", None))
    x = jax.ShapeDtypeStruct((B, D), jnp.float32, sharding=rows)

    def layer(x, kernel):
        return jax.lax.with_sharding_constraint(jnp.tanh(x @ kernel), rows), None

    def scanned(x, kernels):
        return jax.lax.scan(layer, x, kernels)[0]

    def unrolled(x, kernels):
        for kernel in kernels:
            x, _ = layer(x, kernel)
        return x

    for function in (scanned, unrolled):
        found = count(compiled_text(function, x, kernels), 8)
        assert found.collectives == {"all-gather": (LAYERS, LAYERS * D * D * 4 * 7 / 8)}
        assert found.matmul_flops == LAYERS * 2 * (B // 8) * D * D
        assert found.unknown_loops == 0


def test_looking_tokens_up_sends_no_more_than_the_result():
    mesh, rows, length = make_mesh(data=2, fsdp=4), 64, 32
    table = jax.ShapeDtypeStruct(
        (256, D), jnp.float32, sharding=NamedSharding(mesh, P(None, ("fsdp", "tensor")))
    )
    ids = jax.ShapeDtypeStruct(
        (rows, length), jnp.int32, sharding=NamedSharding(mesh, P(("data", "fsdp")))
    )
    with jax.set_mesh(mesh):
        found = count(compiled_text(lambda *both: look_up(*both, "float32"), table, ids), 8)
    of_ids, of_result = rows // 2 * length * 4, rows // 8 * length * D * 4
    received = {kind: size for kind, (_, size) in found.collectives.items()}
    assert received == {"all-gather": of_ids * 3 / 4, "all-to-all": of_result * 3 / 4}


TPU_TEXT = """\
HloModule jit_step, is_scheduled=true

%turn (wide.param: (bf16[4,8], u32[], u32[])) -> (bf16[4,8], u32[], u32[]) {
  %wide.param = (bf16[4,8]{1,0:T(8,128)(2,1)S(1)}, u32[]{:T(128)}, u32[]{:T(128)}) parameter(0)
  %two = u32[]{:T(128)} constant(2)
  %place = u32[]{:T(128)} get-tuple-element(%wide.param), index=1
  %other = u32[]{:T(128)} get-tuple-element(%wide.param), index=2
  %copy.1 = u32[]{:T(128)} copy(%place)
  %next = u32[]{:T(128)} add(%copy.1, %two), metadata={op_name="a(b)"}
  %part = bf16[4,8]{1,0:T(8,128)(2,1)} get-tuple-element(%wide.param), index=0
  %start = (bf16[4,8]{1,0}, bf16[4,8]{1,0:S(1)}, u32[]{:S(2)}, u32[]{:S(2)}) \
collective-permute-start(%part), channel_id=3, source_target_pairs={{0,1},{1,0}}
  %done = bf16[4,8]{1,0} collective-permute-done(%start)
  ROOT %tuple.1 = (bf16[4,8]{1,0}, u32[]{:T(128)}, /*index=2*/u32[]) tuple(%done, %next, %other)
}

%more (wide.param.1: (bf16[4,8], u32[], u32[])) -> pred[] {
  %limit = u32[]{:T(128)} constant(7)
  %wide.param.1 = (bf16[4,8]{1,0}, u32[]{:T(128)}, u32[]{:T(128)}) parameter(0)
  %now = u32[]{:T(128)} get-tuple-element(%wide.param.1), index=1
  ROOT %less = pred[]{:T(512)} compare(%now, %limit), direction=LT
}

ENTRY %main (x: bf16[4,8]) -> f32[2] {
  %x = bf16[4,8]{1,0} parameter(0)
  %zero = u32[] constant(0)
  %tuple = (bf16[4,8]{1,0}, u32[], u32[]) tuple(%x, %zero, %zero)
  %loop = (bf16[4,8]{1,0}, u32[], u32[]) while(%tuple), condition=%more, body=%turn
  %sum = f32[16]{0} all-reduce(%x), replica_groups=mesh['axis_0'=2,'axis_1'=4] {'axis_1'}
  %own = f32[2]{0} reduce-scatter(%sum), replica_groups={{0,1},{2,3}}, dimensions={0}
  ROOT %all = (f32[2]{0}, f32[16]{0}) all-gather-start(%own), replica_groups=[1,8]<=[8]
}
"""


def test_the_text_of_a_tpu_program_is_read():
    found = count(TPU_TEXT, 8)
    assert found.collectives == {
        "collective-permute": (4, 4 * 64),  # turns at 0, 2, 4 and 6
        "all-reduce": (1, 2 * 64 * 3 / 4),
        "reduce-scatter": (1, 8 * 1),
        "all-gather": (1, 64 * 7 / 8),
    }
    unclear = count(TPU_TEXT.replace("direction=LT", "direction=NE"), 8)
    assert unclear.unknown_loops == 1 and unclear.collectives["collective-permute"] == (1, 64)


def test_what_is_no_program_is_refused():
    with pytest.raises(InputError, match="not the text of a compiled program"):
        count("nothing", 8)
    assert Counts() + Counts(unknown_loops=1) == Counts(unknown_loops=1)
