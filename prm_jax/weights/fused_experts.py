"""Checkpoints that stack the experts of a layer in two tensors, read as one tensor an expert.

Transformers 5 holds experts so, and writes them so where it is asked not to go back to the layout
of published files: `mlp.experts.gate_up_proj` [E,2F,D], gates first, and `mlp.experts.down_proj`
[E,D,F].
"""

import dataclasses
import re
from typing import Any

FUSED = re.compile(r"\.mlp\.experts\.(gate_up_proj|down_proj)$")


def separate_experts(source):
    """A source with a tensor for each expert and matrix; the same one if nothing is fused."""
    return SeparateExperts(source) if any(FUSED.search(key) for key in source.shapes) else source


@dataclasses.dataclass(frozen=True)
class SeparateExperts:
    """A source whose stacked experts have keys of their own; each is read alone."""

    source: Any

    @property
    def file(self):
        """The source's file."""
        return self.source.file

    @property
    def shapes(self):
        """Shapes, those of stacked experts taken apart."""
        shapes: dict[str, tuple[int, ...]] = {}
        for key, shape in self.source.shapes.items():
            parts = _parts(key, shape)
            shapes |= {part: (stop - start, *shape[2:]) for part, (_, start, stop) in parts.items()}
            if not parts:
                shapes[key] = shape
        return shapes

    @property
    def dtypes(self):
        """Dtypes likewise."""
        return {
            part: self.source.dtypes[key]
            for key, shape in self.source.shapes.items()
            for part in _parts(key, shape) or (key,)
        }

    def read(self, key, index):
        """A block of a tensor."""
        if key in self.source.shapes:
            return self.source.read(key, index)
        name, _, matrix, _ = key.rsplit(".", 3)
        stored = f"{name}.{'down_proj' if matrix == 'down_proj' else 'gate_up_proj'}"
        expert, start, stop = _parts(stored, self.source.shapes[stored])[key]
        rows = range(start, stop)[index[0]]
        block = (slice(expert, expert + 1), slice(rows.start, rows.stop), *index[1:])
        return self.source.read(stored, block)[0]


def _parts(key, shape):
    """{key: (expert, first row, end)} of what a stored tensor holds; {} if it is not stacked."""
    found = FUSED.search(key)
    if found is None or len(shape) != 3:
        return {}
    name, rows = key.removesuffix("." + found[1]), shape[1]
    bounds = {"down_proj": (0, rows)}
    if found[1] == "gate_up_proj":
        bounds = {"gate_proj": (0, rows // 2), "up_proj": (rows // 2, rows)}
    return {
        f"{name}.{expert}.{matrix}.weight": (expert, *ends)
        for expert in range(shape[0])
        for matrix, ends in bounds.items()
    }
