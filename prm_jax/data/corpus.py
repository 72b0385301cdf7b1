"""All trajectories of a run, with an account of what encoding lost.

Those of array_record files may stay there (`data.streaming`); all others are encoded once.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from prm_jax.data import sources as sources_lib
from prm_jax.data import streaming, units
from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory
from prm_jax.text.encode import Encoded, EncodeReport, encode, join

UNLABELLED = ("error", "drop")


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Encoded trajectories, source after source.

    Fields:
        encoded: `text.encode.Encoded` of each unit, which is a trajectory unless a loss compares
            some (see `data.units`). If `streamed`, some are made when they are asked for, and may
            be a str, the reason to leave one out.
        names: what messages call them: their id, or source and row number, or file and record.
        sizes: number of units of each source; of a streamed one, of its records.
        weights: share of each source when they are mixed; None to use everything once an epoch.
        report: what encoding kept and lost, JSON-able; `readers.drawn` has that of streamed ones.
        fingerprint: SHA-256 of the trajectories that were given, in hex; of streamed ones only a
            sample counts.
        streamed: whether some of the trajectories stay in their files.
    """

    encoded: Sequence[Encoded]
    names: Sequence[str]
    sizes: tuple[int, ...]
    weights: tuple[float, ...] | None
    report: dict
    fingerprint: str
    streamed: bool = False


def read_trajectories(
    line,
    *,
    defaults=None,
    validation_fraction=0.0,
    skip_bad: Rejects | None = None,
    stream=False,
    held_out_limit=1000,
):
    """Reads every source of a line.

    Args:
        line: sources as `data.sources` describes them.
        defaults: options for file sources that do not set them.
        validation_fraction: share of the problems to hold out.
        skip_bad: takes the rows of files that are refused; None raises at the first. Of
            streamed sources they are only counted.
        stream: leave the trajectories of array_record files there.
        held_out_limit: most held-out trajectories of a streamed source.

    Returns:
        `(kept, held_out)`, each a list of (Source, trajectories) without empty sources;
        trajectories are a list, or `streaming.TrajectoryRecords` in `kept`.

    Raises:
        InputError: from a reader, or for a line or an option that is wrong.
    """
    kept: list = []
    held_out: list = []
    sources_lib.check_fraction(validation_fraction)
    for source in sources_lib.parse_sources(line, defaults):
        if stream and streaming.is_streamable(source):
            records = streaming.TrajectoryRecords(source, validation_fraction, skip_bad is not None)
            kept.append((source, records))
            if part := records.held_out(held_out_limit):
                held_out.append((source, part))
            continue
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
    unit: str = "trajectory",
) -> Corpus:
    """Encodes trajectories.

    Args:
        groups: (Source, trajectories) pairs, as `read_trajectories` gives them.
        tokenizer: `text.Tokenizer`.
        convention: `text.StepConvention`.
        max_length: most tokens of a trajectory; what does not fit is cut and reported.
        supervise: 'steps' or 'outcome'.
        unlabelled: what becomes of a trajectory without a label to learn from: 'error' or 'drop'.
        unit: what is packed together, one of `units.UNITS`.

    Returns:
        `Corpus`.

    Raises:
        InputError: names the trajectory that keeps no label, unless they are to be dropped; or
            there is no unit to make.
    """
    if unlabelled not in UNLABELLED:
        raise InputError(
            f"unknown choice {unlabelled!r}", field="data.unlabelled", remedy="error or drop"
        )
    report, dropped = EncodeReport(), 0

    def encode_unlabelled(trajectory):
        return encode(trajectory, tokenizer, convention, max_length, supervise="nothing")

    def encode_one(trajectory, name) -> Encoded | str:
        if isinstance(trajectory, str):
            return trajectory
        if supervise == "outcome" and trajectory.outcome is None and unlabelled == "drop":
            return streaming.WITHOUT_LABEL
        item = units.encode_unit(
            trajectory, tokenizer, convention, max_length, supervise=supervise, unit=unit
        )
        if item.label_mask.any() or unlabelled == "drop":
            return item
        raise _without_label(name, item, max_length)

    parts: list[tuple[sources_lib.Source, Sequence[Any], Sequence[str]]] = []
    for source, trajectories in groups:
        if isinstance(trajectories, streaming.TrajectoryRecords):
            if unit in units.OF_OTHERS:
                raise InputError(
                    f"{source.name}: streamed trajectories cannot be put together as {unit}",
                    field="data.train",
                    remedy="give a JSONL file, which is read whole",
                )
            parts.append((source, *streaming.encode_on_demand(trajectories, encode_one)))
            continue
        kept: list[Trajectory] = []
        items: list[Encoded] = []
        names: list[str] = []
        for row, trajectory in enumerate(trajectories):
            name = trajectory.id or f"{source.name}:{row}"
            item = encode_one(trajectory, name)
            if isinstance(item, Encoded):
                report.add(item)
            if isinstance(item, Encoded) and item.label_mask.any():
                kept.append(trajectory)
                items.append(item)
                names.append(name)
            else:
                dropped += 1
        if unit in units.OF_OTHERS:
            items, names = _join_units(kept, items, names, unit, encode_unlabelled)
        if items:
            parts.append((source, items, names))
    streamed = [g for _, g in groups if isinstance(g, streaming.TrajectoryRecords)]
    weights = [source.weight for source, _, _ in parts]
    return Corpus(
        encoded=_joined([items for _, items, _ in parts], bool(streamed)),
        names=_joined([names for _, _, names in parts], bool(streamed)),
        sizes=tuple(len(items) for _, items, _ in parts),
        weights=None if None in weights else tuple(w for w in weights if w is not None),
        report={
            **report.to_dict(),
            "dropped_without_label": dropped,
            **({"streamed": sum(map(len, streamed))} if streamed else {}),
        },
        fingerprint=_fingerprint([group for _, group in groups]),
        streamed=bool(streamed),
    )


def _join_units(trajectories, items, names, unit, encode_unlabelled):
    """`(items, names)` of units that are made of several trajectories of a source."""
    joined, named = [], []
    for first, second in units.make_units(trajectories, unit):
        if unit == "pair":
            named.append(f"{names[first]} and {names[second]}")
            joined.append(join([items[first], items[second]]))
        else:
            foreign = units.with_steps_of(trajectories[first], trajectories[second])
            named.append(names[first])
            joined.append(join([items[first], encode_unlabelled(foreign)]))
    return joined, named


def _joined(parts, streamed):
    return streaming.Joined(parts) if streamed else [item for part in parts for item in part]


def _fingerprint(groups):
    streamed = [g for g in groups if isinstance(g, streaming.TrajectoryRecords)]
    in_memory = [t for g in groups if g not in streamed for t in g]
    found = [sources_lib.fingerprint(in_memory)] + [group.fingerprint() for group in streamed]
    return hashlib.sha256("".join(found).encode()).hexdigest() if streamed else found[0]


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
