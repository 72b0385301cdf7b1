"""What a compiled program does, counted in its text: communication and matrix products.

`jax.stages.Compiled.as_text()` is the program of one device. A loop's body stands there once, so
its counts are multiplied by the number of times it runs, which XLA notes beside the loop (CPU) or
which follows from its condition `counter < limit` and the counter's step (TPU); counters start at
0.

Of a collective operation those bytes count that a device receives, with the algorithm that moves
the least in a ring of n devices, where R is the size of the result:

    all-gather, all-to-all   R (n - 1) / n
    all-reduce               2 R (n - 1) / n
    reduce-scatter           R (n - 1)
    collective-permute       R
"""

import dataclasses
import functools
import math
import re
from collections.abc import Callable

from prm_jax.errors import InputError

RECEIVED: dict[str, Callable[[float, int], float]] = {
    "all-gather": lambda size, n: size * (n - 1) / n,
    "all-reduce": lambda size, n: 2 * size * (n - 1) / n,
    "all-to-all": lambda size, n: size * (n - 1) / n,
    "reduce-scatter": lambda size, n: size * (n - 1),
    "collective-permute": lambda size, n: size,
}
_ITEMSIZE = {"pred": 1, "s4": 0.5, "u4": 0.5, "c64": 8, "c128": 16}
_HEADER = re.compile(r"(ENTRY )?%?([\w.\-]+) (?:\([^\n]*\) -> [^\n]*)?\{$")
_NAME = re.compile(r"%([\w.\-]+)")
_ARRAY = re.compile(r"\b(pred|token|[a-z]+\d+\w*)\[([\d,]*)\]")
_CALLED = re.compile(r"(?:calls|body|to_apply|true_computation|false_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_NOTED = re.compile(r'"known_trip_count":\{"n":"(\d+)"')


@dataclasses.dataclass(frozen=True)
class Counts:
    """What a program does once.

    Fields:
        collectives: {kind: (operations, bytes received)}.
        matmul_flops: of `dot` operations, a multiplication and an addition being two.
        unknown_loops: loops whose number of turns was not found; their bodies count once.
    """

    collectives: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    matmul_flops: float = 0
    unknown_loops: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        both = dict(self.collectives)
        for kind, (operations, size) in other.collectives.items():
            before = both.get(kind, (0, 0))
            both[kind] = (before[0] + operations, before[1] + size)
        return Counts(
            both,
            self.matmul_flops + other.matmul_flops,
            self.unknown_loops + other.unknown_loops,
        )

    def times(self, turns: int) -> "Counts":
        """The counts of a body that runs `turns` times."""
        collectives = {
            kind: (n * turns, size * turns) for kind, (n, size) in self.collectives.items()
        }
        return Counts(collectives, self.matmul_flops * turns, self.unknown_loops)


@dataclasses.dataclass(frozen=True)
class _Instruction:
    """`%name = type opcode(operands), attributes`."""

    name: str
    type: str
    opcode: str
    operands: tuple[str, ...]
    text: str
    is_root: bool


def count(text: str, n_devices: int) -> Counts:
    """Counts what a program does.

    Args:
        text: of a compiled program, as `jax.stages.Compiled.as_text` gives it.
        n_devices: that it runs on.

    Returns:
        `Counts` of one device and one run.

    Raises:
        InputError: the text is no program.
    """
    computations, entry = _parse(text)

    @functools.cache
    def of(name: str) -> Counts:
        total = Counts()
        types = {instruction.name: instruction.type for instruction in computations[name]}
        for instruction in computations[name]:
            total += _of_instruction(instruction, types, n_devices)
            inner = [name for name in _called(instruction) if name in computations]
            counts = sum((of(name) for name in inner), Counts())
            if instruction.opcode == "while":
                turns = _turns(instruction, computations)
                counts = counts.times(turns or 1)
                total += Counts(unknown_loops=int(turns is None))
            total += counts
        return total

    return of(entry)


def _parse(text):
    """`({computation: instructions}, name of the entry)`."""
    computations: dict[str, list[_Instruction]] = {}
    entry = current = None
    for line in text.splitlines():
        if not line.startswith(" ") and (header := _HEADER.match(line)):
            current = computations.setdefault(header[2], [])
            entry = header[2] if header[1] else entry
        elif current is not None and " = " in line:
            current.append(_instruction(line))
    if entry is None:
        raise InputError("is not the text of a compiled program", field="text")
    return computations, entry


def _instruction(line):
    left, _, right = line.strip().partition(" = ")
    end = _closing(right, 0) if right.startswith("(") else right.index(" ")
    kind, rest = right[:end], right[end:].strip()
    opcode, _, _ = rest.partition("(")
    close = _closing(rest, len(opcode))
    operands = tuple(_NAME.findall(rest[len(opcode) : close])) if close else ()
    name = left.removeprefix("ROOT ").lstrip("%")
    return _Instruction(name, kind, opcode, operands, rest, left.startswith("ROOT "))


def _closing(text, start):
    """The place after the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place + 1
    return len(text)


def _called(instruction):
    if instruction.opcode in ("async-update", "async-done"):
        return []  # named again; it ran with async-start
    names = _CALLED.findall(instruction.text)
    if branches := _BRANCHES.search(instruction.text):
        names += _NAME.findall(branches[1])
    return names


def _of_instruction(instruction, types, n_devices):
    opcode = instruction.opcode
    if opcode == "dot":
        return Counts(matmul_flops=_dot_flops(instruction, types))
    kind = opcode.removesuffix("-start")
    if kind not in RECEIVED:
        return Counts()
    sizes = [_size(array) for array in _arrays(instruction.type)]
    if opcode == "collective-permute-start":
        sizes = sizes[1:2]  # (operand, result, contexts)
    elif opcode == "all-gather-start":
        sizes = sizes[len(instruction.operands) :]  # (operands, results)
    group = _group_size(instruction.text, n_devices)
    return Counts({kind: (1, RECEIVED[kind](sum(sizes), group))})


def _arrays(kind):
    return [
        (dtype, tuple(int(size) for size in sizes.split(",") if size))
        for dtype, sizes in _ARRAY.findall(kind)
    ]


def _size(array):
    dtype, shape = array
    bits = re.search(r"\d+", dtype)
    itemsize = _ITEMSIZE.get(dtype, int(bits[0]) / 8 if bits else 0)
    return math.prod(shape) * itemsize


def _dot_flops(instruction, types):
    (_, result), (_, left) = (
        _arrays(instruction.type)[0],
        _arrays(types[instruction.operands[0]])[0],
    )
    contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", instruction.text)
    axes = [int(axis) for axis in contracted[1].split(",") if axis] if contracted else []
    return 2 * math.prod(result) * math.prod(left[axis] for axis in axes)


def _group_size(text, n_devices):
    """How many devices take part in one group of a collective operation."""
    if listed := re.search(r"replica_groups=\{\{([\d,]*)\}", text):
        return listed[1].count(",") + 1
    if iota := re.search(r"replica_groups=\[\d+,(\d+)\]", text):
        return int(iota[1])
    if mesh := re.search(r"replica_groups=mesh\[([^\]]*)\] ?\{([^}]*)\}", text):
        sizes = {name: int(size) for name, size in re.findall(r"'([^']+)'=(\d+)", mesh[1])}
        # An axis may be used in part: 'axis':(before)size.
        used = re.findall(r"'([^']+)'(?::\(\d+\)(\d+))?", mesh[2])
        return math.prod(int(part) if part else sizes[name] for name, part in used)
    return n_devices


def _turns(loop, computations):
    """How often a loop's body runs; None if its text does not say."""
    if noted := _NOTED.search(loop.text):
        return int(noted[1])
    roles = dict(re.findall(r"(condition|body)=%?([\w.\-]+)", loop.text))
    condition, body = (
        {instruction.name: instruction for instruction in computations[roles[role]]}
        for role in ("condition", "body")
    )
    test = next(found for found in condition.values() if found.is_root)
    if test.opcode != "compare" or "direction=LT" not in test.text:
        return None
    place, limit = (_resolved(name, condition) for name in test.operands)
    after = next(found for found in body.values() if found.is_root)
    if after.opcode != "tuple" or not (isinstance(place, tuple) and isinstance(limit, int)):
        return None
    counter = body[after.operands[place[0]]]
    if counter.opcode != "add":
        return None
    steps = [_resolved(name, body) for name in counter.operands]
    if place not in steps or not isinstance(step := next(s for s in steps if s != place), int):
        return None
    return -(-limit // step)


def _resolved(name, computation):
    """The value of a constant, `(index,)` of a loop variable, or None."""
    instruction = computation[name]
    if instruction.opcode == "copy":
        return _resolved(instruction.operands[0], computation)
    if found := re.match(r"constant\((\d+)\)", instruction.text):
        return int(found[1])
    if found := re.match(r"get-tuple-element\(.*\), index=(\d+)", instruction.text):
        return (int(found[1]),)
    return None
