"""What a mixture is trained on, computed once: states of a frozen model and of its experts.

Of each trajectory that is the model's state at the end of the problem, and at each step's end the
states of the experts of the trajectory's category, side by side.
"""

import functools
import hashlib
from pathlib import Path

import jax
import numpy as np

from prm_jax.data.corpus import Corpus
from prm_jax.models.mixture_of_experts import expert_states, problem_states
from prm_jax.progress import Progress
from prm_jax.scoring.mixture import values_at_steps
from prm_jax.train.array_file import ArrayFile
from prm_jax.weights.fingerprint import fingerprint

CHUNK = 64
"""Trajectories whose states are computed and kept together."""


class ExpertStates:
    """The states of a corpus, on the disk in float32.

    Args:
        directory: of all such files, each under a name that says what it was made from.
        corpus: encoded trajectories, or units of several; not streamed.
        categories: number of each unit's category.
        model, params: the frozen model.
        experts: adapters, as `train.experts.read_experts` gives them.
        model_fingerprint: of the frozen model.
    """

    def __init__(
        self, directory, corpus: Corpus, categories, model, params, experts, model_fingerprint: str
    ):
        self._model, self._params, self._experts = model, params, experts
        self._width = model.config.d_model
        self._numbers: list[list[int]] = []  # of the trajectories of each unit
        self._encoded: list = []
        self._categories: list[int] = []
        digest = hashlib.sha256(
            repr((model_fingerprint, fingerprint(experts), model.config, model.dtype)).encode()
        )
        known: dict[tuple, int] = {}
        for unit, category in zip(corpus.encoded, categories, strict=True):
            own = []
            for item in unit.parts or (unit,):
                ends = np.asarray(item.step_positions, np.int32)
                key = (np.asarray(item.tokens, np.int32).tobytes(), ends.tobytes(), int(category))
                if key not in known:
                    known[key] = len(known)
                    digest.update(repr(key).encode())
                    self._encoded.append(item)
                    self._categories.append(int(category))
                own.append(known[key])
            self._numbers.append(own)
        sizes = [
            self._width * (1 + len(item.step_positions) * self._n_experts(category))
            for item, category in zip(self._encoded, self._categories)
        ]
        self._first = np.cumsum([0, *sizes])
        self.directory = Path(directory).expanduser() / digest.hexdigest()[:32]
        shape = (int(self._first[-1]),)
        self._file = ArrayFile(self.directory, np.float32, shape, "chunks")

    def compute(self, show: Progress) -> None:
        """Computes what is missing; `show` is told of the progress."""
        chunks = []
        for category in sorted(set(self._categories)):
            members = [i for i, own in enumerate(self._categories) if own == category]
            chunks += [members[at : at + CHUNK] for at in range(0, len(members), CHUNK)]
        self._file.check([[self._place(number) for number in members] for members in chunks])
        show.begin("states of the experts", len(chunks), self._file.done)
        for done, members in enumerate(chunks[self._file.done :], start=self._file.done + 1):
            encoded = [self._encoded[number] for number in members]
            experts = self._experts[str(self._categories[members[0]])]
            parts = {"base": self._params, "experts": experts}
            problems = values_at_steps(_of_problems, self._model, parts, encoded)
            steps = values_at_steps(_of_experts, self._model, parts, encoded)
            for number, problem_SD, states_SE in zip(members, problems, steps, strict=True):
                fitted = [state_E for state_E in states_SE if state_E is not None]
                self._file.values[self._place(number)] = np.concatenate([problem_SD[0], *fitted])
            self._file.keep(self._place(number) for number in members)
            self._file.finish()
            show.update(done)

    def attach(self, batch) -> dict[str, np.ndarray]:
        """A batch with what the mixture reads.

        Args:
            batch: as `data.packing.pack` gives it, `step_example` numbering the corpus.

        Returns:
            The batch with three more arrays: `problem_BSD` and `states_BSE`, f32, 0 where there is
            no step or no such expert, and `category_BS` i32.
        """
        shape_BS = batch["step_mask"].shape
        most = max(self._n_experts(category) for category in self._experts)
        problem_BSD = np.zeros((*shape_BS, self._width), np.float32)
        states_BSE = np.zeros((*shape_BS, most * self._width), np.float32)
        category_BS = np.zeros(shape_BS, np.int32)
        for row, slot in np.argwhere(batch["step_mask"]):
            unit, part, step = (
                batch[f"step_{name}"][row, slot] for name in ("example", "part", "index")
            )
            number = self._numbers[unit][part]
            category_BS[row, slot] = self._categories[number]
            states = self._width * self._n_experts(self._categories[number])
            first = self._first[number]
            problem_BSD[row, slot] = self._file.values[first : first + self._width]
            first += self._width + step * states
            states_BSE[row, slot, :states] = self._file.values[first : first + states]
        more = dict(problem_BSD=problem_BSD, states_BSE=states_BSE, category_BS=category_BS)
        return {**batch, **more}

    def _place(self, number):
        return slice(self._first[number], self._first[number + 1])

    def _n_experts(self, category):
        return jax.tree.leaves(self._experts[str(category)])[0].shape[0]


@functools.partial(jax.jit, static_argnums=0)
def _of_problems(model, parts, inputs):
    return problem_states(model, parts["base"], inputs)


@functools.partial(jax.jit, static_argnums=0)
def _of_experts(model, parts, inputs):
    return expert_states(model, parts["base"], parts["experts"], inputs)
