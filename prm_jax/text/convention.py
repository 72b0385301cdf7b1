"""How the steps of a trajectory are marked in a model's input, and where their scores are read.

    trl             [bos] problem step1 "\\n" step2 "\\n" ...; at the separator's last token
    qwen            chat turn of the assistant: step1 <extra_0> step2 <extra_0> ...; at <extra_0>
    math_shepherd   (bos) problem " Step 1: ... ки" "\\nStep 2: ... ки" ...; at the tag's last token
    rlhflow         chat: user problem + step1, assistant "+", user step2, assistant "+", ...; at
                    the token that predicts "+"
    last_token      (bos) problem "\\nstep1" "\\nstep2" ...; at each step's own last token
    skywork         [bos] problem "\\n" step1 "\\n" step2 "\\n" ...; at the separator's last token
    outcome         chat: user problem, assistant step1 "\\n" step2 ...; one score a solution, at
                    the last token of the chat
    outcome_plain   (bos) problem "\\n" step1 "\\n" step2 ...; one score a solution, likewise

[bos] is there if the tokenizer has one, (bos) if its files say that a text starts with it.

Sources: TRL's PRMTrainer; Qwen2.5-Math-PRM; Math-Shepherd (arXiv:2312.08935); RLHFlow's math-rm;
the inference code of Skywork-o1-Open-PRM; Skywork-Reward, Qwen2.5-Math-RM (outcome).
"""

import dataclasses
import json
from collections.abc import Mapping
from types import NoneType
from typing import Any

from prm_jax.errors import InputError
from prm_jax.json_files import FETCH, require_kinds

LAYOUTS = ("plain", "chat", "turns")
MARKERS = ("separator", "added_token", "existing_token", "last_token", "turn", "end")
OF_SOLUTION = ("end",)
"""Markers of conventions that read one score a solution."""


@dataclasses.dataclass(frozen=True)
class StepConvention:
    """How trajectories become token ids.

    Fields:
        name: of the convention; recorded, not interpreted.
        layout: 'plain' (text), 'chat' (the tokenizer's chat template, steps in the assistant's
            turn) or 'turns' (one user turn a step, answered by `positive`).
        bos: whether a plain layout starts with the tokenizer's BOS token: True where it has one,
            None where its files say that a text starts with it, False never.
        prompt: the text before the first step, with `{problem}`.
        step: the text of a step, with `{step}` and, if wanted, `{number}` (counted from 1).
        marker: what the score is read at: 'separator' (the last token of `marker_text`, which is
            tokenised on its own), 'added_token' and 'existing_token' (the special token
            `marker_text`), 'last_token' (of the step itself), 'turn' (the token before the
            assistant's answer, which predicts it), or 'end' (the last token of all: one score for
            the solution, an outcome reward model).
        marker_text: the separator or special token after each step.
        joiner: text between problem and first step. UNSURE for RLHFlow: " " in its README, a blank
            line in ProcessBench's wrapper.
        between: text between a step's marker and the next step. Both are tokenised together with
            the step that follows; for 'end' everything is tokenised together.
        continuation: whether pieces after the first are tokenised as going on from other text. If
            not, a SentencePiece tokenizer starts each with a blank of its own, as in TRL.
            Byte-level tokenizers give the same ids either way.
        system: system message of chat layouts; None leaves it to the template. UNSURE for Qwen:
            published wrappers differ.
        plain_markers: whether markers of the chat template such as `<|user|>` that are no tokens of
            the vocabulary are text, as in Zephyr; otherwise they are an error.
        positive, negative: texts of the two answers ('turns') or labels (Math-Shepherd), for a
            two_token head.
        pad_token: a token that does not count as the last one ('end'), as transformers' sequence
            classifiers skip the one that pads; "" for none.
    """

    name: str
    layout: str = "plain"
    bos: bool | None = None
    prompt: str = "{problem}"
    step: str = "{step}"
    marker: str = "separator"
    marker_text: str = "\n"
    joiner: str = ""
    between: str = ""
    continuation: bool = True
    system: str | None = None
    plain_markers: bool = False
    positive: str = "+"
    negative: str = "-"
    pad_token: str = ""

    def __post_init__(self):
        for field, value, known in (
            ("layout", self.layout, LAYOUTS),
            ("marker", self.marker, MARKERS),
        ):
            if value not in known:
                raise InputError(
                    f"unknown {field} {value!r}",
                    field=f"convention.{field}",
                    remedy=f"known are {', '.join(known)}",
                )
        if "{problem}" not in self.prompt or "{step}" not in self.step:
            raise InputError(
                "prompt needs {problem} and step needs {step}", field=f"convention {self.name}"
            )
        if (self.layout == "turns") != (self.marker == "turn"):
            raise InputError("layout 'turns' and marker 'turn' go together", field="convention")
        if self.marker not in ("last_token", "turn", "end") and not self.marker_text:
            raise InputError("is empty", field="convention.marker_text")

    def to_dict(self):
        """The fields as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields):
        """The inverse of `to_dict`; what is left out is as in the convention of that name.

        Args:
            fields: dict with `name` and any other fields. A name in CONVENTIONS supplies the rest,
                any other name takes the defaults of the class.

        Raises:
            InputError: a field is unknown, missing or of another type.
        """
        if not isinstance(fields, dict):
            raise InputError("must be an object", field="convention")
        known: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - set(known)):
            raise InputError(
                f"unknown fields {unknown}", field="convention", remedy=f"known are {list(known)}"
            )
        if "name" not in fields:
            raise InputError("is missing", field="convention.name", remedy="give a string")
        for name, value in fields.items():
            if not isinstance(value, known[name]):
                expected = getattr(known[name], "__name__", None) or str(known[name])
                raise InputError(f"must be {expected}, not {value!r}", field=f"convention.{name}")
        if fields["name"] in CONVENTIONS:
            return dataclasses.replace(CONVENTIONS[fields["name"]], **fields)
        return cls(**fields)


CONVENTIONS = {
    convention.name: convention
    for convention in (
        StepConvention("trl", bos=True, continuation=False),
        StepConvention(
            "qwen",
            layout="chat",
            marker="existing_token",
            marker_text="<extra_0>",
            system="Please reason step by step, and put your final answer within \\boxed{}.",
        ),
        StepConvention(
            "math_shepherd",
            joiner=" ",
            step="Step {number}: {step}",
            marker_text=" ки",
            between="\n",
        ),
        StepConvention("rlhflow", layout="turns", marker="turn", marker_text="", joiner=" "),
        StepConvention("last_token", joiner="\n", between="\n", marker="last_token"),
        StepConvention("skywork", bos=True, prompt="{problem}\n", continuation=False),
        StepConvention("outcome", layout="chat", marker="end", marker_text="", between="\n"),
        StepConvention("outcome_plain", marker="end", marker_text="", joiner="\n", between="\n"),
    )
}


def recorded_convention(record: Mapping[str, Any], file) -> StepConvention | None:
    """The `StepConvention` in a record, None if it has none.

    Args:
        record: content of a `prm_jax.json`.
        file: its path.

    Raises:
        InputError: its field is no convention's; names the file.
    """
    require_kinds(record, {"convention": (dict, NoneType)}, file)
    if record.get("convention") is None:
        return None
    try:
        return StepConvention.from_dict(record["convention"])
    except InputError as error:
        raise InputError(
            error.problem, file=file, field=error.field, remedy=error.remedy or FETCH
        ) from error


def convention(given):
    """The `StepConvention` that a flag, a config or a caller means.

    Args:
        given: a name in CONVENTIONS; fields as a dict or as a JSON object in a string, which
            `StepConvention.from_dict` completes; or a `StepConvention`.

    Raises:
        InputError: an unknown name, a string that is neither a name nor a JSON object, or fields
            that are not a convention's.
    """
    if isinstance(given, StepConvention):
        return given
    if not isinstance(given, str):
        return StepConvention.from_dict(given)
    if given in CONVENTIONS:
        return CONVENTIONS[given]
    if given.lstrip()[:1] not in ("{", "["):
        raise InputError(
            f"unknown convention {given!r}",
            field="convention",
            remedy=f"known are {', '.join(CONVENTIONS)}; or give fields as a JSON object",
        )
    try:
        fields = json.loads(given)
    except ValueError as error:
        raise InputError(
            f"{given!r} is not JSON: {error}",
            field="convention",
            remedy="""write it like '{"name": "trl", "marker_text": "\\n\\n"}'""",
        ) from error
    return StepConvention.from_dict(fields)
