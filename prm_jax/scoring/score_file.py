"""Scoring a file into a file, so that a run which was stopped goes on where it was.

Finished lines are kept in OUTPUT.partial, whose first line says what they were made from. Only a
complete result gets the output's name. Beside it, OUTPUT.meta.json records how it was made.
"""

import dataclasses
import functools
import hashlib
import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax

from prm_jax import formats, scoring
from prm_jax.errors import InputError
from prm_jax.files import LineFile, atomic_write, beside, check_writable, write_json
from prm_jax.provenance import code_version
from prm_jax.records import Rejects
from prm_jax.scoring.aggregation import RULES, aggregate, check_method
from prm_jax.scoring.batched import BATCH_TOKENS
from prm_jax.scoring.combinators import OF_GROUPS, READ_MORE, TAKES_SOLUTIONS
from prm_jax.scoring.discriminative import require_convention
from prm_jax.scoring.inputs import read_identified, solutions_sha256
from prm_jax.scoring.pairwise import competes_in
from prm_jax.scoring.shared_prefixes import TokenCounts
from prm_jax.text import convention as convention_named
from prm_jax.text.convention import OF_SOLUTION
from prm_jax.weights import load_model
from prm_jax.weights.added_layers import sha256_of_layers
from prm_jax.weights.artifacts import source_of
from prm_jax.weights.fingerprint import fingerprint
from prm_jax.weights.hf import recorded
from prm_jax.weights.load import find
from prm_jax.weights.threshold import recorded_threshold

SOLUTION_SCORE = (
    "the head's logit at the last token, unbounded: a Bradley-Terry reward, whose differences are "
    "log-odds of one solution over another; with an aggregation, that of its sigmoid"
)
"""What `score` is where a model gives one a solution, and `step_scores` is null."""

CHUNK = 256
"""Trajectories scored between two writes, at most: what a stopped run loses."""
CHUNK_CHARACTERS = {"cpu": 1 << 15}
"""A chunk ends once its problems and steps have so many characters, by backend: about 16 small
batches (see `batched.SMALL_BATCH_TOKENS`), and seconds of work. Elsewhere batches are larger."""
OTHER_CHARACTERS = 1 << 21


def score_file(
    model_name: str,
    path,
    output,
    *,
    scorer: str = "discriminative",
    aggregation: str | None = None,
    convention: str | dict | None = None,
    format: str = "auto",
    max_length: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    share_prefixes: bool = False,
    dtype: str = "float32",
    mesh=None,
    base: str | None = None,
    skip_bad: bool = False,
    chunk: int = CHUNK,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Scores every trajectory of a file: one output line each, in the input's order.

    Args:
        model_name: as `load_model` takes it.
        path: input, as `formats.read` takes it; a row of candidates gives one line a candidate.
        output: JSON lines with `id`, `step_scores`, `step_logits`, `score`, `aggregation`,
            `truncated`. An outcome reward model gives one number a solution: `score` is its logit,
            `step_scores`, `step_logits` and `aggregation` are null.
        scorer: a name in SCORERS, or a line as `scoring.expression` describes it.
        aggregation: a name in AGGREGATIONS; by default what the model's `prm_jax.json` records,
            else 'min'. Of an outcome reward model, any of those in [0, 1] makes `score` the sigmoid
            of the logit, which can be the weight of a vote.
        convention: as `text.convention` takes it; by default what the model records.
        format: format of the input.
        max_length: most tokens of a trajectory; by default the model's context length.
        batch_tokens: most tokens of one forward pass.
        share_prefixes: compute what solutions begin with in common once; those of one problem may
            stand apart in the file.
        dtype: dtype of parameters and computation.
        mesh: mesh to run on; None is the default device.
        base: the model that `model_name` adapts, if that is a peft adapter; see `load_model`.
        skip_bad: go on after bad rows and write them to OUTPUT.rejects.jsonl.
        chunk: trajectories between two writes, at most; long ones come in smaller chunks.
        progress: called with (finished, all) trajectories.

    Returns:
        What OUTPUT.meta.json holds; with `share_prefixes` also `tokens`, those that were given and
        those that were computed, of the lines that this run scored.

    Raises:
        InputError: bad input, model or option; nothing is written under the output's name.
    """
    others: dict[str, tuple] = {}

    def load(other):
        if other not in others:
            others[other] = load_model(other, dtype=dtype, mesh=mesh)
        return others[other]

    formats.check_readable(path, format=format)
    marking = None if convention is None else convention_named(convention)
    how = scoring.parse_scorer(scorer, load)
    if share_prefixes and how.names & READ_MORE:
        raise InputError(
            f"{', '.join(sorted(how.names & READ_MORE))} cannot share prefixes",
            field="share_prefixes",
            remedy="score without it",
        )
    check_writable(output, make=False)  # before any work
    given = aggregation
    aggregation = aggregation or recorded_aggregation(model_name)
    check_method(aggregation)
    rejects = Rejects(beside(output, ".rejects.jsonl")) if skip_bad else None
    try:
        trajectories = read_identified(path, format, rejects)
    except InputError as error:
        if error.line is None or skip_bad:
            raise
        raise error.advised("leave such rows out with skip_bad") from error
    if how.names & OF_GROUPS:
        _require_groups_in_one_piece(trajectories, path)
    solutions = solutions_sha256(trajectories)
    order = _by_problem(trajectories) if share_prefixes else range(len(trajectories))
    trajectories = [trajectories[number] for number in order]
    counts = TokenCounts()
    sharing = dict(share_prefixes=True, token_counts=counts) if share_prefixes else {}
    look = functools.partial(require_head_if_read, how) if marking is None else None
    options = dict(dtype=dtype, mesh=mesh, base=base, look=look)
    model, params, tokenizer = load_model(model_name, **options)
    if how.names == {"mean_log_prob"} and model.head is None:
        # Only where steps end matters, and there each has its newline.
        marking = marking or tokenizer.convention or convention_named("trl")
    marking = require_convention(marking or tokenizer.convention)
    if convention is not None and convention == getattr(tokenizer.convention, "name", None):
        marking = tokenizer.convention  # with what the model's files say of it
    of_solution = marking.marker in OF_SOLUTION
    if of_solution and (others_names := sorted(how.names - TAKES_SOLUTIONS)):
        raise InputError(
            f"the model gives one score a solution, which is nothing for {', '.join(others_names)}",
            field="scorer",
            remedy=f"take one of {', '.join(sorted(TAKES_SOLUTIONS))}",
        )
    if of_solution:
        aggregation = given
    partial = beside(output, ".partial")
    check_writable(output)
    of_groups = bool(how.names & OF_GROUPS)
    chunks = list(_chunks(trajectories, chunk, of_groups, share_prefixes or of_groups))

    def rows_of(begin, end):
        part = trajectories[begin:end]
        scores = how.score(
            model,
            params,
            tokenizer,
            part,
            convention=marking,
            max_length=max_length,
            batch_tokens=batch_tokens,
            mesh=mesh,
            **sharing,
        )
        return [score_row(t.id, s, aggregation) for t, s in zip(part, scores, strict=True)]

    # The first chunk of a new file is scored while the parameters are summed up.
    with ThreadPoolExecutor(1) as thread:
        of_model = thread.submit(fingerprint, params)
        ahead = None
        # Programs of several devices must not run beside each other: they could wait in circles.
        if mesh is None and not partial.exists():
            if progress:
                progress(0, len(trajectories))
            ahead = rows_of(*chunks[0])
    made_from = {
        "model": str(model_name),
        "model_fingerprint": of_model.result(),
        "input": str(path),
        "input_sha256": sha256(path),
        "solutions_sha256": solutions,
        "rows": len(trajectories),
        "scorer": how.line,
        "other_models": {name: fingerprint(loaded[1]) for name, loaded in others.items()},
        "added_layers": {name: sha256_of_layers(name) for name in sorted(how.added_layers)},
        "convention": marking.to_dict(),
        "max_length": max_length or model.config.max_position,
        "share_prefixes": share_prefixes,
        "dtype": dtype,
        "aggregation": aggregation,
        "code": code_version(),
    }
    ids = [trajectory.id for trajectory in trajectories]
    with _Partial(partial, made_from, ids) as kept:
        for begin, end in chunks:
            # What is left of a chunk is scored with all of it: alone it would be packed otherwise,
            # which changes the last bits.
            first = max(begin, kept.n_lines)
            if first >= end:
                continue
            rows, ahead = ahead, None
            if rows is None:
                if progress:
                    progress(first, len(trajectories))
                rows = rows_of(begin, end)
            kept.append(rows[first - begin :])
        lines = [line for _, line in sorted(zip(order, kept.lines(), strict=True))]
    if progress:
        progress(len(trajectories), len(trajectories))
    record = {
        **made_from,
        "model_files": source_of(find(str(model_name))),
        "truncated": sum(json.loads(line)["truncated"] for line in lines),
        "rejected": len(rejects.rows) if rejects else 0,
        **({"score": SOLUTION_SCORE} if of_solution else {}),
        **({"tokens": dataclasses.asdict(counts)} if share_prefixes else {}),
        "threshold": None if of_solution else recorded_threshold(model_name),
        "aggregation_rules": RULES,
    }
    with atomic_write(output) as file:
        file.writelines(lines)
    write_json(beside(output, ".meta.json"), record)
    if rejects:
        rejects.write()
    partial.unlink()
    return record


def require_head_if_read(how, is_language_model: bool) -> None:
    """Raises `InputError` where a scorer reads a head and the model is a bare language model."""
    reads_head = "discriminative" in how.names and "model" not in how.names
    if is_language_model and reads_head:
        raise InputError(
            "is a language model without a head that scores steps",
            field="model",
            remedy="train one on it with experiments.train, or have the likelihood of its steps "
            "with --scorer=mean_log_prob",
        )


def score_row(name, scores, aggregation: str | None) -> dict:
    """The output line of one trajectory; its score is null if no step was scored.

    A solution's one score is its logit, or the aggregate of that logit's sigmoid.
    """
    if scores.of_solution:
        (logit,) = scores.step_logits
        if logit is not None and aggregation is not None:
            logit = aggregate(scores.step_scores, aggregation)
        return {
            "id": name,
            "step_scores": None,
            "step_logits": None,
            "score": logit,
            "aggregation": aggregation,
            "truncated": scores.truncated,
        }
    if aggregation is None:
        raise ValueError("scores of steps need an aggregation")
    scored = any(p is not None for p in scores.step_scores)
    return {
        "id": name,
        "step_scores": list(scores.step_scores),
        "step_logits": list(scores.step_logits),
        "score": aggregate(scores.step_scores, aggregation) if scored else None,
        "aggregation": aggregation,
        "truncated": scores.truncated,
    }


def recorded_aggregation(model_name) -> str:
    """The aggregation that a model's `prm_jax.json` records, 'min' if none does."""
    return recorded(model_name, "aggregation") or "min"


def sha256(path) -> str:
    """SHA-256, in hex, of the bytes of the files that `path` stands for, one after the other."""
    digest = hashlib.sha256()
    for name in formats.files(path):
        with open(name, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _by_problem(trajectories):
    """Numbers of the trajectories, those of a problem together where its first one stands."""
    groups: dict[tuple, list[int]] = {}
    for number, trajectory in enumerate(trajectories):
        groups.setdefault(competes_in(trajectory), []).append(number)
    return [number for group in groups.values() for number in group]


def _require_groups_in_one_piece(trajectories, path):
    pieces = [key for key, _ in itertools.groupby(trajectories, competes_in)]
    if len(pieces) > len(set(pieces)):
        raise InputError(
            "candidates of one problem stand apart",
            file=path,
            field="scorer",
            remedy="sort the rows, so that those to be compared follow one another",
        )


def _chunks(trajectories, size, whole_groups, near_groups):
    """Ranges (begin, end) that depend on the trajectories alone: a run that goes on after it was
    stopped has the same.

    A range has at most `size` trajectories, and no more once it has CHUNK_CHARACTERS; with
    `near_groups` not within a group for that reason, with `whole_groups` for neither.
    """
    characters = CHUNK_CHARACTERS.get(jax.default_backend(), OTHER_CHARACTERS)

    def same_group(number):
        return competes_in(trajectories[number]) == competes_in(trajectories[number - 1])

    begin = 0
    while begin < len(trajectories):
        end, length = begin, 0
        while end < len(trajectories):
            within = near_groups and end > begin and same_group(end)
            if (end - begin >= size and not (whole_groups and within)) or (
                length >= characters and not within
            ):
                break
            length += len(trajectories[end].problem) + sum(map(len, trajectories[end].steps))
            end += 1
        yield begin, end
        begin = end


class _Partial:
    """The lines that are finished, on disk; those made from something else are dropped."""

    def __init__(self, path, made_from, ids):
        self._path, self._header = path, json.dumps(made_from, sort_keys=True) + "\n"
        self._ids = ids

    def __enter__(self):
        kept = self._read()
        self.n_lines = len(kept)
        # What a killed process left half-written goes too.
        with atomic_write(self._path) as file:
            file.writelines([self._header, *kept])
        self._file = LineFile(self._path)
        return self

    def __exit__(self, *_):
        self._file.close()

    def append(self, rows):
        """Adds rows; they survive a kill from here on."""
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows]
        self._file.append(lines, sync=True)

    def lines(self):
        """All finished lines."""
        return self._read()

    def _read(self):
        """Lines up to the first that is cut, perhaps within a character, or is of another row."""
        try:
            header, *rows = self._path.read_bytes().split(b"\n")[:-1]
        except (OSError, ValueError):
            return []
        if header.decode("utf-8", "replace") + "\n" != self._header:
            return []
        lines = []
        for row, name in zip(rows, self._ids, strict=False):
            try:
                text = row.decode()
                if json.loads(text)["id"] != name:
                    break
            except (ValueError, TypeError, KeyError):
                break
            lines.append(text + "\n")
        return lines
