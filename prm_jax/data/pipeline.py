"""The stream of training batches: mixed, shuffled, packed, sharded, and resumable to the batch.

The stream is one of example numbers until its last stage fills arrays. It is therefore the same in
every process, and each fills only the rows that its devices hold; a run may be continued by another
number of processes. `iterator.get_state()` is JSON.
"""

import grain
import numpy as np

from prm_jax.data.corpus import Corpus
from prm_jax.data.packing import PackIterDataset, check_fits, fill
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
    row_range: slice | None = None,
):
    """A grain dataset of packed batches.

    Args:
        corpus: encoded trajectories; streamed ones are read and encoded by every process. If its
            sources have weights they are mixed by them, each going through its own epochs;
            otherwise every trajectory comes once an epoch.
        rows, row_length, max_steps: B, T and S of the batches.
        seed: of the shuffling, which differs from epoch to epoch; None keeps the order.
        epochs: times as many examples are drawn as the corpus has; None is without end.
        row_range: the rows this process fills; None is all.

    Returns:
        grain.IterDataset of batches as docs/architecture.md describes; `step_example` numbers the
        trajectories of the corpus.

    Raises:
        InputError: if a trajectory is larger than a row.
    """
    layouts = _layouts(corpus, rows, row_length, max_steps, seed, epochs)
    keep = row_range or slice(None)
    return layouts.map(lambda pair: fill(pair[0][keep], pair[1], row_length, max_steps))


def count_batches(corpus: Corpus, rows, row_length, max_steps, *, seed, epochs) -> int:
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
    return sum(1 for _ in _layouts(corpus, rows, row_length, max_steps, seed, epochs))


def drawn(iterator) -> dict:
    """What a stream has drawn so far, over all its epochs and continuations.

    Args:
        iterator: of a dataset that `batches` made.

    Returns:
        The counts of `EncodeReport`, and `left_out`: reason -> number of records.
    """
    return iterator.get_state()["drawn"]


def _layouts(corpus, rows, row_length, max_steps, seed, epochs):
    if min(rows, row_length, max_steps) < 1:
        raise InputError("rows, row_length and max_steps must be at least 1", field="data")
    if not corpus.encoded:
        raise InputError("there are no trajectories to make batches of", field="data")
    if not corpus.streamed:  # what is streamed is left out when it comes
        for item, name in zip(corpus.encoded, corpus.names):
            check_fits(item, row_length, max_steps, f"trajectory {name!r}")
    numbers = _examples(corpus, seed, epochs)
    examples = numbers.map(lambda number: (int(number), corpus.encoded[int(number)]))
    options = grain.ReadOptions(**(STREAMED if corpus.streamed else IN_MEMORY))
    return PackIterDataset(
        examples.to_iter_dataset(options), corpus.encoded, rows, row_length, max_steps
    )


def _examples(corpus, seed, epochs):
    """grain.MapDataset of example numbers."""
    if corpus.weights is None:
        stream = grain.MapDataset.range(len(corpus.encoded))
        stream = stream if seed is None else stream.shuffle(seed=seed % 2**32)
        return stream.repeat(epochs)
    bounds = np.cumsum([0, *corpus.sizes])
    parts = []
    for number, (start, stop) in enumerate(zip(bounds, bounds[1:])):
        part = grain.MapDataset.range(int(start), int(stop))
        if seed is not None:
            # Sources must not share a seed: equally long ones would be shuffled alike.
            part_seed = np.random.SeedSequence([seed, number]).generate_state(1)[0]
            part = part.shuffle(seed=int(part_seed))
        parts.append(part.repeat())
    stream = grain.MapDataset.mix(parts, weights=list(corpus.weights))
    return stream if epochs is None else stream[: epochs * len(corpus.encoded)]
