"""Loading a checkpoint of several files with layers of Qwen2.5-7B's shape onto fake devices.

On a CPU the devices' memory is the host's. What a process takes beyond the shards is its peak
memory less what it had before and less all shards; the pages of a file that are mapped while a
tensor is read from it count too.
"""

import dataclasses
import os
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.files import write_json
from prm_jax.models import PRESETS, DecoderConfig, abstract_params, make_mesh, paths
from prm_jax.progress import Progress
from prm_jax.provenance import peak_memory_gib
from prm_jax.scale.devices import prepare
from prm_jax.weights import hf_tables, layout
from prm_jax.weights.assemble import assemble
from prm_jax.weights.safetensors_files import INDEX, SafetensorsDirectory, save_tensors
from prm_jax.workers import working

SHAPE = "qwen2.5-7b"
LAYERS, VOCABULARY = 3, 16384
DEVICES = 8
MESHES = (dict(data=1, fsdp=1), dict(data=1, fsdp=8), dict(data=2, fsdp=4))
DTYPE = "bfloat16"


def run(smoke: bool, progress: Progress) -> dict:
    """Measures.

    Args:
        smoke: a tiny model, in this process, on the devices it has.
        progress: shows which mesh is at work.

    Returns:
        Sizes of the checkpoint, and for each mesh the bytes read, those read of each byte that is
        stored, the seconds, and the bytes held in shards and beyond them.
    """
    config = PRESETS["tiny-qwen2"]
    if not smoke:
        config = dataclasses.replace(PRESETS[SHAPE], n_layers=LAYERS, vocab_size=VOCABULARY)
    with tempfile.TemporaryDirectory() as directory:
        stored = write_checkpoint(Path(directory), config)
        found = {}
        for done, axes in enumerate(MESHES):
            progress.update(done, len(MESHES))
            name = f"data={axes['data']} fsdp={axes['fsdp']}"
            with working(Loading, directory, config, axes, not smoke, apart=not smoke) as loading:
                found[name] = loading.call("load")
        progress.update(len(MESHES), len(MESHES))
    return {
        "shape_of": "tiny-qwen2" if smoke else SHAPE,
        "layers": config.n_layers,
        **stored,
        "meshes": found,
    }


def write_checkpoint(directory: Path, config: DecoderConfig) -> dict:
    """Writes random weights, a file for each layer and one for the rest.

    Args:
        directory: gets the files and their index.
        config: of a family that hf_tables knows.

    Returns:
        Numbers of files, tensors and bytes, and the bytes of the largest tensor.
    """
    random = np.random.default_rng(0)
    leaves = paths(abstract_params(config))
    files: dict[str, str] = {}
    sizes: list[int] = []
    groups: list[dict] = [{} for _ in range(config.n_layers + 1)]
    for row in hf_tables.rows_for(config, None):
        if row.path not in leaves:
            continue
        shape, n_stacks = leaves[row.path].shape, row.n_stacks
        stored = layout.stored_shape(row.layout, shape[n_stacks:])
        for index in np.ndindex(*shape[:n_stacks]):
            groups[index[0] if index else -1][row.key_at(*index)] = stored
    for number, shapes in enumerate(groups):
        name = f"model-{number + 1:05d}-of-{len(groups):05d}.safetensors"
        tensors = {key: _random(random, shape) for key, shape in shapes.items()}
        save_tensors(directory / name, tensors, {"format": "pt"})
        _leave_the_cache(directory / name)
        files |= dict.fromkeys(tensors, name)
        sizes += [tensor.nbytes for tensor in tensors.values()]
    write_json(directory / INDEX, {"metadata": {"total_size": sum(sizes)}, "weight_map": files})
    return {
        "files": len(groups),
        "tensors": len(sizes),
        "stored_bytes": sum(sizes),
        "largest_tensor_bytes": max(sizes),
    }


class Loading:
    """Loads a checkpoint in a process of its own.

    Args:
        directory: as `write_checkpoint` leaves it.
        config: the checkpoint's.
        axes: of the mesh, 'data' and 'fsdp'; where there are not so many devices, all of them.
        fake: whether this process has no devices yet and is to have fake ones.
    """

    def __init__(self, directory: str, config: DecoderConfig, axes: dict[str, int], fake: bool):
        if fake:
            prepare("cpu", DEVICES)
        devices = jax.devices()[: axes["data"] * axes["fsdp"]]
        self._mesh = make_mesh(data=min(axes["data"], len(devices)), fsdp=-1, devices=devices)
        self._config = config
        self._source = CountingSource(SafetensorsDirectory(directory))

    def load(self) -> dict:
        """Loads, and says what it took."""
        jnp.zeros(8).block_until_ready()
        before, began = _resident_bytes(), time.monotonic()
        rows = hf_tables.rows_for(self._config, None)
        abstract = abstract_params(self._config)
        params = assemble(self._source, rows, abstract, dtype=DTYPE, mesh=self._mesh)
        seconds = time.monotonic() - began
        arrays = jax.tree.leaves(params)
        held = sum(shard.data.nbytes for array in arrays for shard in array.addressable_shards)
        return {
            "read_bytes": self._source.read_bytes,
            "reads_of_a_byte": self._source.read_bytes / sum(array.nbytes for array in arrays),
            "seconds": round(seconds, 3),
            "held_bytes": held,
            "beyond_bytes": max(0, int(peak_memory_gib() * 2**30) - before - held),
        }


class CountingSource:
    """A source of tensors for `weights.assemble` that counts the bytes it gives.

    Attributes:
        file, shapes: those of the source.
        read_bytes: given so far.
    """

    def __init__(self, source: SafetensorsDirectory):
        self._source = source
        self.file, self.shapes = source.file, source.shapes
        self.read_bytes = 0

    def read(self, key, index):
        """A block of a tensor, as the source gives it."""
        block = self._source.read(key, index)
        self.read_bytes += block.nbytes
        return block


def _random(random, shape):
    return random.integers(0, 2**14, shape, np.uint16).view(jnp.dtype(DTYPE))


def _leave_the_cache(path):
    """Writes a file to the disk and asks the system to read it from there next time."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _resident_bytes():
    """Memory of this process now; its peak so far where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return int(peak_memory_gib() * 2**30)
    return pages * os.sysconf("SC_PAGE_SIZE")
