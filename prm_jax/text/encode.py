"""Trajectories to token ids, with every step's scoring position recorded as the ids are built."""

import dataclasses
import os

import numpy as np

from prm_jax.errors import InputError
from prm_jax.text.chat import template_pieces
from prm_jax.text.convention import OF_SOLUTION
from prm_jax.text.template_sandbox import render


@dataclasses.dataclass(frozen=True)
class Encoded:
    """One trajectory as a model reads it.

    Fields:
        tokens: i32[T].
        step_positions: i32[S] index of the token where each step's score is read; S steps fitted.
        labels: f32[S], 0 where unlabelled. label_mask: bool[S].
        step_starts: i32[S] index of the first token of each step, lead and number included; in a
            chat with a turn a step the first one includes the problem.
        n_steps: number of steps of the trajectory.
        lost_labels: number of labels that did not fit.
        outcome: whether the solution is right, in [0, 1]; None if unknown, or if a step was cut.
        prover_labels: f32[S] second labels of the steps, from `meta["prover_labels"]`; NaN where
            unlabelled.
        step_index: i32[S] number of each step in its trajectory; None if they come in order.
        parts: what this one was joined of, see `join`; () if it is one trajectory.
    """

    tokens: np.ndarray
    step_positions: np.ndarray
    labels: np.ndarray
    label_mask: np.ndarray
    step_starts: np.ndarray
    n_steps: int
    lost_labels: int = 0
    outcome: float | None = None
    prover_labels: np.ndarray | None = None
    step_index: np.ndarray | None = None
    parts: tuple["Encoded", ...] = ()

    @property
    def truncated(self):
        """Whether a step did not fit."""
        return len(self.step_positions) < self.n_steps


@dataclasses.dataclass
class EncodeReport:
    """What encoding a set of trajectories lost; `add` each `Encoded`."""

    trajectories: int = 0
    tokens: int = 0
    steps: int = 0
    labels: int = 0
    truncated_trajectories: int = 0
    lost_steps: int = 0
    lost_labels: int = 0
    without_label: int = 0

    def add(self, encoded):
        """Counts one trajectory."""
        self.trajectories += 1
        self.tokens += len(encoded.tokens)
        self.steps += len(encoded.step_positions)
        self.labels += int(encoded.label_mask.sum())
        self.truncated_trajectories += encoded.truncated
        self.lost_steps += encoded.n_steps - len(encoded.step_positions)
        self.lost_labels += encoded.lost_labels
        self.without_label += not encoded.label_mask.any()

    def to_dict(self):
        """The counts as a JSON object."""
        return dataclasses.asdict(self)


def join(parts) -> Encoded:
    """Trajectories that a loss compares, as one that is packed into one row.

    The parts stay apart: each has its own positions and sees only itself.

    Args:
        parts: `Encoded`, each of one trajectory.

    Returns:
        `Encoded` with the arrays of the parts one after the other.
    """
    offsets = np.cumsum([0, *(len(part.tokens) for part in parts)])

    def joined(name, shift=0):
        arrays = [getattr(part, name) for part in parts]
        return np.concatenate([a + shift * offset for a, offset in zip(arrays, offsets)])

    return Encoded(
        tokens=joined("tokens"),
        step_positions=joined("step_positions", 1).astype(np.int32),
        labels=joined("labels"),
        label_mask=np.concatenate([part.label_mask for part in parts]),
        step_starts=joined("step_starts", 1).astype(np.int32),
        n_steps=sum(part.n_steps for part in parts),
        lost_labels=sum(part.lost_labels for part in parts),
        parts=tuple(parts),
    )


def encode(trajectory, tokenizer, convention, max_length, *, supervise="steps"):
    """Builds the ids of one trajectory from separately tokenised pieces.

    What does not fit is cut at a step's boundary: a step counts only if its scoring token fits, and
    nothing after the last such step is kept. A convention that scores solutions makes one step of
    all, whose label is the outcome.

    Args:
        trajectory: `Trajectory`.
        tokenizer: `Tokenizer`.
        convention: `StepConvention`.
        max_length: most tokens to use.
        supervise: 'steps' takes the step labels; 'outcome' puts the outcome on the last step and
            labels nothing else, so that a truncated trajectory has no label; 'nothing' labels
            nothing.

    Returns:
        `Encoded`; it has no steps if not even the first fits.

    Raises:
        InputError: the tokenizer lacks the convention's marker or template, the model has no row
            for a token, or there is no outcome to supervise.
    """
    tokens, starts, positions, ends, tail = _build(trajectory, tokenizer, convention)
    if hasattr(tokenizer, "require_rows"):
        tokenizer.require_rows(tokens, trajectory.id or trajectory.problem[:40])
    fitted = sum(end <= max_length for end in ends)
    whole = fitted == len(ends)
    length = ends[fitted - 1] if fitted else 0
    tokens = tokens[:length]
    if whole and len(tokens) + len(tail) <= max_length:
        tokens = tokens + tail
    of_solution = convention.marker in OF_SOLUTION
    labels = _labels(trajectory, supervise)
    if of_solution:
        labels = (None if supervise == "nothing" else trajectory.outcome,)
    kept = labels[:fitted]
    mask = np.array([label is not None for label in kept], bool)
    return Encoded(
        tokens=np.array(tokens, np.int32),
        step_positions=np.array(positions[:fitted], np.int32),
        labels=np.array([label or 0.0 for label in kept], np.float32),
        label_mask=mask,
        step_starts=np.array(starts[:fitted], np.int32),
        n_steps=len(ends),
        lost_labels=sum(label is not None for label in labels[fitted:]),
        outcome=trajectory.outcome if whole and supervise != "nothing" else None,
        prover_labels=None
        if supervise == "nothing" or of_solution
        else _prover_labels(trajectory, fitted),
    )


def verify_alignment(trajectories, tokenizer, convention, max_length, *, examples=3):
    """Reports what encoding does to a data set, for a human to look at before training.

    Args:
        trajectories: iterable of `Trajectory`.
        tokenizer, convention, max_length: as in `encode`.
        examples: how many trajectories to show token by token around the scoring positions.

    Returns:
        dict: counts of `EncodeReport`, quantiles of tokens per step, and `examples`, each a list of
        `{'step', 'label', 'before', 'at'}`: the text of the six tokens before the scoring token,
        and its own.
    """
    report = EncodeReport()
    lengths: list[int] = []
    shown: list[list[dict]] = []
    for trajectory in trajectories:
        encoded = encode(trajectory, tokenizer, convention, max_length)
        report.add(encoded)
        lengths += np.diff(encoded.step_positions, prepend=-1).tolist()[1:]
        if len(shown) < examples:
            shown.append(_show(trajectory, encoded, tokenizer))
    quantiles = np.quantile(lengths, [0, 0.5, 0.95, 1]).tolist() if lengths else []
    return {**report.to_dict(), "tokens_per_step": quantiles, "examples": shown}


def _build(trajectory, tokenizer, convention):
    """`(ids, starts, scoring positions, ends, tail)`: a step fits if its end does; the tail
    follows the last step.
    """
    if convention.layout == "turns":
        return _build_turns(trajectory, tokenizer, convention)
    if convention.marker in OF_SOLUTION:
        return _build_solution(trajectory, tokenizer, convention)
    if convention.marker in ("added_token", "existing_token"):
        tokenizer = tokenizer.protecting(convention.marker_text)
    going_on = _going_on(tokenizer, convention)
    prompt = convention.prompt.replace("{problem}", trajectory.problem)
    if convention.layout == "chat":
        messages = [
            *_system(convention),
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": ""},
        ]
        texts, contents = template_pieces(
            tokenizer, messages, plain_markers=convention.plain_markers
        )
        ids: list[int] = []
        for text, content in zip(texts, contents[:-1]):
            ids += tokenizer.encode_with_special(text, continued=bool(ids))
            ids += going_on(ids, content)
        ids += tokenizer.encode_with_special(texts[-2], continued=bool(ids))
        tail = tokenizer.encode_with_special(texts[-1], continued=True)
    else:
        ids = _bos(tokenizer, convention) + tokenizer.encode(prompt)
        tail = going_on([], convention.between)
    marker = _marker(tokenizer, convention, going_on)
    starts, positions = [], []
    for number, step in enumerate(trajectory.steps, 1):
        starts.append(len(ids))
        lead = convention.joiner if number == 1 else convention.between
        text = lead + convention.step.replace("{number}", str(number)).replace("{step}", step)
        ids += going_on(ids, text) + marker
        positions.append(len(ids) - 1)
    return ids, starts, positions, [position + 1 for position in positions], tail


def _build_turns(trajectory, tokenizer, convention):
    going_on = _going_on(tokenizer, convention)
    prompt = convention.prompt.replace("{problem}", trajectory.problem) + convention.joiner
    messages = _system(convention)
    for number, step in enumerate(trajectory.steps, 1):
        text = convention.step.replace("{number}", str(number)).replace("{step}", step)
        messages.append({"role": "user", "content": text if number > 1 else prompt + text})
        messages.append({"role": "assistant", "content": convention.positive})
    texts, contents = template_pieces(tokenizer, messages, plain_markers=convention.plain_markers)
    ids: list[int] = []
    starts, positions = [], []
    for message, text, content in zip(messages, texts, contents):
        ids += tokenizer.encode_with_special(text, continued=bool(ids))
        if message["role"] == "assistant":
            positions.append(len(ids) - 1)  # this token predicts the answer
        elif message["role"] == "user":
            starts.append(len(ids))
        ids += going_on(ids, content)
    ends = [position + 1 for position in positions]
    tail = ids[ends[-1] :] + tokenizer.encode_with_special(texts[-1], continued=True)
    return ids[: ends[-1]], starts, positions, ends, tail


def _build_solution(trajectory, tokenizer, convention):
    """Text that is tokenised as a whole, as transformers tokenises a chat, and read at its end."""
    prompt = convention.prompt.replace("{problem}", trajectory.problem)
    steps = [
        convention.step.replace("{number}", str(number)).replace("{step}", step)
        for number, step in enumerate(trajectory.steps, 1)
    ]
    solution = convention.between.join(steps)
    if convention.layout == "chat":
        messages = [
            *_system(convention),
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": convention.joiner + solution},
        ]
        pieces = _whole_pieces(tokenizer, messages, convention)
        ids = _encode_whole(tokenizer, pieces)
        start = len(_encode_whole(tokenizer, pieces[:-2]))
    else:
        bos = _bos(tokenizer, convention)
        ids = bos + tokenizer.encode(prompt + convention.joiner + solution)
        start = len(bos) + len(tokenizer.encode(prompt + convention.joiner))
    last = len(ids) - 1
    if convention.pad_token:
        padding = tokenizer.token_id(convention.pad_token)
        while last > 0 and ids[last] == padding:
            last -= 1
    return ids, [min(start, last)], [last], [len(ids)], []


def _whole_pieces(tokenizer, messages, convention):
    """A rendered chat, contents at the odd places; what a template does to them is done."""
    if tokenizer.chat_template is None:
        raise InputError(
            "the tokenizer has no chat template, and the solution's score is read at its end",
            field="convention",
            remedy="add the template the model was trained with (chat_template.jinja), or score "
            "with outcome_plain, which reads problem and steps as plain text",
        )
    texts, contents = template_pieces(tokenizer, messages, plain_markers=convention.plain_markers)
    pieces = [piece for pair in zip(texts, [*contents, ""]) for piece in pair][:-1]
    if not _without_special(tokenizer, contents):
        return pieces
    rendered = render(tokenizer.chat_template, tokenizer.special, messages)
    if rendered == "".join(pieces):
        return pieces
    # The template takes contents apart, as Qwen3's does with what stands before </think>.
    before = os.path.commonprefix(["".join(pieces[:-2]), rendered])
    return [before, "", rendered.removeprefix(before)]


def _encode_whole(tokenizer, pieces):
    """Ids of a template's texts and, between them, contents that never become special tokens."""
    if _without_special(tokenizer, pieces[1::2]):
        return tokenizer.encode_with_special("".join(pieces))
    ids: list[int] = []
    for place, piece in enumerate(pieces):
        if place % 2:
            ids += tokenizer.encode_after(ids, piece)
        else:
            ids += tokenizer.encode_with_special(piece, continued=bool(ids))
    return ids


def _without_special(tokenizer, texts):
    return all(tokenizer.encode(text) == tokenizer.encode_with_special(text) for text in texts)


def _bos(tokenizer, convention):
    wanted = tokenizer.add_bos if convention.bos is None else convention.bos
    return [tokenizer.bos_id] if wanted and tokenizer.bos_id is not None else []


def _going_on(tokenizer, convention):
    """How a piece of text after others is tokenised: takes the ids before it and the text."""
    if convention.continuation:
        return tokenizer.encode_after
    return lambda ids, text: tokenizer.encode(text)


def _system(convention):
    system = convention.system
    return [] if system is None else [{"role": "system", "content": system}]


def _marker(tokenizer, convention, going_on):
    if convention.marker == "last_token":
        return []
    if convention.marker == "separator":
        return going_on([], convention.marker_text)
    token = tokenizer.token_id(convention.marker_text)
    if token is None:
        raise InputError(
            f"the tokenizer has no token {convention.marker_text!r}",
            field="convention.marker_text",
            remedy="add it with add_special_token and resize the embedding, or use a separator",
        )
    return [token]


def _labels(trajectory, supervise):
    if supervise == "steps":
        return trajectory.step_labels()
    if supervise == "nothing":
        return (None,) * len(trajectory.steps)
    if supervise != "outcome":
        raise InputError(
            f"unknown supervision {supervise!r}",
            field="supervise",
            remedy="steps, outcome or nothing",
        )
    if trajectory.outcome is None:
        raise InputError(
            f"trajectory {trajectory.id or trajectory.problem[:40]!r} has no outcome",
            field="outcome",
            remedy="an outcome reward model needs `outcome` 0 or 1 in every row",
        )
    return (None,) * (len(trajectory.steps) - 1) + (trajectory.outcome,)


def _prover_labels(trajectory, fitted):
    """Second labels f32[S] of a trajectory that has them, NaN where one is null."""
    labels = trajectory.meta.get("prover_labels")
    if labels is None:
        return None
    name = trajectory.id or trajectory.problem[:40]
    if len(labels) != len(trajectory.steps):
        raise InputError(
            f"trajectory {name!r} has {len(trajectory.steps)} steps and {len(labels)} of these",
            field="meta.prover_labels",
            remedy="give one number or null a step",
        )
    values = np.array([np.nan if label is None else label for label in labels], np.float32)
    if ((values < 0) | (values > 1)).any():
        raise InputError(f"trajectory {name!r}: not in [0, 1]", field="meta.prover_labels")
    return values[:fitted]


def _show(trajectory, encoded, tokenizer):
    rows = []
    for step, label, position in zip(
        trajectory.steps, trajectory.step_labels(), encoded.step_positions
    ):
        before = encoded.tokens[max(0, position - 6) : position]
        rows.append(
            {
                "step": step,
                "label": label,
                "before": tokenizer.decode(before),
                "at": tokenizer.decode(encoded.tokens[position : position + 1]),
            }
        )
    return rows
