"""Readers: fixed parts of the stream of trajectories, each packed into rows of its own.

Packing goes by lengths, which only reading tells. What may be read apart must therefore be packed
apart: of R readers each takes every R-th trajectory of the order and packs them into its R-th of
the rows of every batch. The batches depend on R alone, so a process reads the parts whose rows it
holds, and another number of processes goes on with the same batches.
"""

import collections

import grain


def readers_of(rows: range, batch_rows, readers) -> range:
    """The readers that fill some rows of a batch.

    Args:
        rows: numbers of the rows.
        batch_rows: B, a multiple of `readers`.
        readers: their number.
    """
    each = batch_rows // readers
    return range(rows.start // each, -(-rows.stop // each))


def share(order, reader, readers):
    """The part of an order, a grain.MapDataset, that one of several readers goes through."""
    return order if readers == 1 else order[reader::readers]


def merged(states):
    """The state of all readers, from the iterators' states in processes that hold some each."""
    whole: dict = {}
    for state in states:
        for key, value in state.items():
            known = whole.get(key)
            both = isinstance(known, dict) and isinstance(value, dict)
            whole[key] = merged([known, value]) if both else value
    return whole


def drawn(state) -> dict:
    """What a stream has drawn so far, over all its epochs and continuations.

    Args:
        state: of an iterator over `pipeline.batches`; from several processes, `merged`.

    Returns:
        The counts of `EncodeReport`, and `left_out`: reason -> number of records.
    """
    parts = state["readers"].values() if "readers" in state else [state]
    counts: collections.Counter[str] = collections.Counter()
    left_out: collections.Counter[str] = collections.Counter()
    for part in parts:
        counts.update({key: n for key, n in part["drawn"].items() if key != "left_out"})
        left_out.update(part["drawn"]["left_out"])
    return {**counts, "left_out": dict(left_out)}


class SideBySide(grain.IterDataset):
    """The rows of several readers as one batch; its elements are those of `PackIterDataset`.

    A reader that has come to its end gives empty rows until the others have too.

    Args:
        parts: `PackIterDataset` by number of the reader, in order of their rows.
    """

    def __init__(self, parts):
        super().__init__(list(parts.values()))
        self.parts = parts

    def __iter__(self):
        return _SideBySideIterator({number: iter(part) for number, part in self.parts.items()})


class _SideBySideIterator(grain.DatasetIterator):
    """Its state is that of each reader, by number."""

    def __init__(self, iterators):
        super().__init__(list(iterators.values()))
        self._iterators = iterators

    def __next__(self):
        found = [next(iterator, None) for iterator in self._iterators.values()]
        if all(one is None for one in found):
            raise StopIteration
        layout: list[list[int]] = []
        items: dict = {}
        for one, iterator in zip(found, self._iterators.values()):
            part, its_items = one or (iterator.empty_layout(), {})
            layout += part
            items |= its_items
        return layout, items

    def get_state(self):
        return {"readers": {str(n): it.get_state() for n, it in self._iterators.items()}}

    def set_state(self, state):
        for number, iterator in self._iterators.items():
            iterator.set_state(state["readers"][str(number)])
