"""Two streams of batches as one, for training that looks at a second batch in every update."""

import grain

PREFIX = "meta_"  # before the names of the second batch's arrays


class Paired(grain.IterDataset):
    """Batches of a stream, each with a batch of another under names with PREFIX.

    Args:
        stream: grain dataset of batches; the whole ends with it.
        second: grain dataset of batches that does not end.
    """

    def __init__(self, stream, second):
        super().__init__(stream)
        self._second = second

    def __iter__(self):
        return _PairedIterator(iter(self._parent), iter(self._second))


def separated(batch):
    """`(batch, second batch)` of an element of `Paired`, each under its own names."""
    first = {name: value for name, value in batch.items() if not name.startswith(PREFIX)}
    second = {
        name.removeprefix(PREFIX): value for name, value in batch.items() if name.startswith(PREFIX)
    }
    return first, second


class _PairedIterator(grain.DatasetIterator):
    """Its state is that of the stream, with the second one's under PREFIX."""

    def __init__(self, parent, second):
        super().__init__(parent)
        self._second = second

    def __next__(self):
        batch = next(self._parent)
        return batch | {PREFIX + name: value for name, value in next(self._second).items()}

    def get_state(self):
        return {**self._parent.get_state(), PREFIX: self._second.get_state()}

    def set_state(self, state):
        self._second.set_state(state[PREFIX])
        self._parent.set_state({name: value for name, value in state.items() if name != PREFIX})
