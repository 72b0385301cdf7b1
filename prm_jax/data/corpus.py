"""All trajectories of a run, encoded once, with an account of what encoding lost."""

import dataclasses
from collections.abc import Sequence

from prm_jax.data import sources as sources_lib
from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory
from prm_jax.text.encode import Encoded, EncodeReport, encode

UNLABELLED = ("error", "drop")


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Encoded trajectories, source after source.

    Fields:
        encoded: `text.encode.Encoded` of each trajectory.
        names: what messages call them: their id, or source and row number.
        sizes: number of trajectories of each source.
        weights: share of each source when they are mixed; None to use everything once an epoch.
        report: what encoding kept and lost, JSON-able.
        fingerprint: SHA-256 of the trajectories that were given, in hex.
    """

    encoded: list[Encoded]
    names: list[str]
    sizes: tuple[int, ...]
    weights: tuple[float, ...] | None
    report: dict
    fingerprint: str


def read_trajectories(
    line, *, defaults=None, validation_fraction=0.0, skip_bad: Rejects | None = None
):
    """Reads every source of a line.

    Args:
        line: sources as `data.sources` describes them.
        defaults: options for file sources that do not set them.
        validation_fraction: share of the problems to hold out.
        skip_bad: takes the rows of files that are refused; None raises at the first.

    Returns:
        `(kept, held_out)`, each a list of (Source, list of Trajectory) without empty sources.

    Raises:
        InputError: from a reader, or for a line or an option that is wrong.
    """
    kept: list = []
    held_out: list = []
    for source in sources_lib.parse_sources(line, defaults):
        found = sources_lib.read_source(source, skip_bad)
        parts = sources_lib.split_by_problem(found, validation_fraction)
        for part, into in zip(parts, (kept, held_out)):
            if part:
                into.append((source, part))
    return kept, held_out


def make_corpus(
    groups: Sequence[tuple[sources_lib.Source, Sequence[Trajectory]]],
    tokenizer,
    convention,
    max_length: int,
    *,
    supervise: str = "steps",
    unlabelled: str = "error",
) -> Corpus:
    """Encodes trajectories.

    Args:
        groups: (Source, trajectories) pairs, as `read_trajectories` gives them.
        tokenizer: `text.Tokenizer`.
        convention: `text.StepConvention`.
        max_length: most tokens of a trajectory; what does not fit is cut and reported.
        supervise: 'steps' or 'outcome'.
        unlabelled: what becomes of a trajectory without a label to learn from: 'error' or 'drop'.

    Returns:
        `Corpus`.

    Raises:
        InputError: names the trajectory that keeps no label, unless they are to be dropped.
    """
    if unlabelled not in UNLABELLED:
        raise InputError(
            f"unknown choice {unlabelled!r}", field="data.unlabelled", remedy="error or drop"
        )
    report, dropped = EncodeReport(), 0
    encoded: list[Encoded] = []
    names: list[str] = []
    sizes, weights = [], []
    for source, trajectories in groups:
        before = len(encoded)
        for row, trajectory in enumerate(trajectories):
            name = trajectory.id or f"{source.name}:{row}"
            if supervise == "outcome" and trajectory.outcome is None and unlabelled == "drop":
                dropped += 1
                continue
            item = encode(trajectory, tokenizer, convention, max_length, supervise=supervise)
            report.add(item)
            if item.label_mask.any():
                encoded.append(item)
                names.append(name)
            elif unlabelled == "drop":
                dropped += 1
            else:
                raise _without_label(name, item, max_length)
        if len(encoded) > before:
            sizes.append(len(encoded) - before)
            weights.append(source.weight)
    return Corpus(
        encoded=encoded,
        names=names,
        sizes=tuple(sizes),
        weights=None if None in weights else tuple(w for w in weights if w is not None),
        report={**report.to_dict(), "dropped_without_label": dropped},
        fingerprint=sources_lib.fingerprint([t for _, group in groups for t in group]),
    )


def _without_label(name, item, max_length):
    if item.truncated:
        problem = (
            f"trajectory {name!r} keeps no label: {len(item.step_positions)} of {item.n_steps} "
            f"steps fit into {max_length} tokens"
        )
        return InputError(
            problem,
            field="data.max_length",
            remedy="raise max_length, or drop such trajectories with data.unlabelled=drop",
        )
    return InputError(
        f"trajectory {name!r} has no label",
        field="labels",
        remedy="label a step, or drop such trajectories with data.unlabelled=drop",
    )
