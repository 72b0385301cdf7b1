"""The stream of training batches: mixed, shuffled, packed, sharded, and resumable to the batch.

The stream is one of example numbers until its last stage fills arrays, so what is in memory is
packed alike in every process, and each fills only the rows that its devices hold. What is streamed
a process reads only for its own rows, if there are as many readers as processes (`data.readers`).
A run may be continued by another number of processes. `iterator.get_state()` is JSON.
"""

import grain
import numpy as np

from prm_jax.data.corpus import Corpus
from prm_jax.data.pack_stream import PackIterDataset
from prm_jax.data.packing import check_fits, fill
from prm_jax.data.readers import SideBySide, readers_of, share
from prm_jax.errors import InputError

IN_MEMORY = {"num_threads": 0, "prefetch_buffer_size": 0}
STREAMED = {"num_threads": 2, "prefetch_buffer_size": 64}  # encoded while a step runs


def batches(
    corpus: Corpus,
    rows: int,
    row_length: int,
    max_steps: int,
    *,
    seed: int | None = None,
    epochs: int | None = 1,
    readers: int = 1,
    row_range: slice | None = None,
):
    """A grain dataset of packed batches.

    Args:
        corpus: encoded trajectories. If its sources have weights they are mixed by them, each
            going through its own epochs; otherwise every trajectory comes once an epoch.
        rows, row_length, max_steps: B, T and S of the batches.
        seed: of the shuffling, which differs from epoch to epoch; None keeps the order.
        epochs: times as many examples are drawn as the corpus has; None is without end.
        readers: parts that are packed apart, of B / readers rows each (see `data.readers`).
        row_range: the rows this process fills; None is all. Of streamed trajectories it reads only
            the readers of these rows, and ends when they do: count updates, not epochs.

    Returns:
        grain.IterDataset of batches as docs/architecture.md describes; `step_example` numbers the
        trajectories of the corpus.

    Raises:
        InputError: if a trajectory is larger than a row.
    """
    shape = (rows, row_length, max_steps)
    _check_shape(*shape, readers)
    wanted = range(rows)[row_range or slice(None)]
    numbers = readers_of(wanted, rows, readers) if corpus.streamed else range(readers)
    layouts = _layouts(corpus, shape, seed, epochs, readers, numbers)
    first = numbers.start * rows // readers
    keep = slice(wanted.start - first, wanted.stop - first)
    return layouts.map(lambda pair: fill(pair[0][keep], pair[1], row_length, max_steps))


def count_batches(corpus: Corpus, rows, row_length, max_steps, *, seed, epochs, readers=1) -> int:
    """Number of batches that `batches` gives, found by packing without filling.

    Raises:
        InputError: as `batches`, or if trajectories are streamed: that would read them all.
    """
    if corpus.streamed:
        raise InputError(
            "epochs of streamed data cannot be counted in advance",
            field="steps",
            remedy="set the number of updates with --config.steps",
        )
    shape = (rows, row_length, max_steps)
    _check_shape(*shape, readers)
    return sum(1 for _ in _layouts(corpus, shape, seed, epochs, readers, range(readers)))


def _check_shape(rows, row_length, max_steps, readers):
    if min(rows, row_length, max_steps, readers) < 1:
        raise InputError("rows, row_length, max_steps and readers must be at least 1", field="data")
    if rows % readers:
        raise InputError(
            f"{rows} rows cannot be split over {readers} readers",
            field="data.readers",
            remedy="make data.rows a multiple of it",
        )


def _layouts(corpus, shape, seed, epochs, readers, numbers):
    """Dataset of `(layout, items)`, as of `PackIterDataset`, of some of the readers."""
    if not corpus.encoded:
        raise InputError("there are no trajectories to make batches of", field="data")
    rows, row_length, max_steps = shape
    if not corpus.streamed:  # what is streamed is left out when it comes
        for item, name in zip(corpus.encoded, corpus.names):
            check_fits(item, row_length, max_steps, f"trajectory {name!r}")
    options = grain.ReadOptions(**(_streamed(len(numbers)) if corpus.streamed else IN_MEMORY))

    def part(reader):
        order = _examples(corpus, seed, epochs, reader, readers)
        examples = order.map(lambda number: (int(number), corpus.encoded[int(number)]))
        stream = examples.to_iter_dataset(options)
        return PackIterDataset(stream, corpus.encoded, rows // readers, row_length, max_steps)

    if readers == 1:
        return part(0)
    return SideBySide({reader: part(reader) for reader in numbers})


def _streamed(n_readers):
    """How one of the readers of a process reads ahead, while a step runs."""
    return {name: max(1, number // n_readers) for name, number in STREAMED.items()}


def _examples(corpus, seed, epochs, reader, readers):
    """grain.MapDataset of the example numbers of a reader."""
    if corpus.weights is None:
        stream = grain.MapDataset.range(len(corpus.encoded))
        stream = stream if seed is None else stream.shuffle(seed=seed % 2**32)
        return share(stream.repeat(epochs), reader, readers)
    bounds = np.cumsum([0, *corpus.sizes])
    parts = []
    for number, (start, stop) in enumerate(zip(bounds, bounds[1:])):
        part = grain.MapDataset.range(int(start), int(stop))
        if seed is not None:
            # Sources must not share a seed: equally long ones would be shuffled alike.
            part_seed = np.random.SeedSequence([seed, number]).generate_state(1)[0]
            part = part.shuffle(seed=int(part_seed))
        # Before they are mixed: the weights then hold in the rows of every reader.
        parts.append(share(part.repeat(), reader, readers))
    stream = grain.MapDataset.mix(parts, weights=list(corpus.weights))
    if epochs is None:
        return stream
    return stream[: len(range(reader, epochs * len(corpus.encoded), readers))]
