"""How the steps of a trajectory are marked in a model's input, and where their scores are read.

    name            layout (one row is one sequence)                                     score
    read at trl             [bos] problem  step1 "\\n" step2 "\\n" ...
    the separator's last token qwen            chat: system, problem; assistant:
    step1<extra_0>step2<extra_0>...    <extra_0> math_shepherd   [bos] problem " " "Step 1: ...
    ки\\n" "Step 2: ... ки\\n" ...          the tag's last token rlhflow         chat turns: user
    problem + step1, assistant "+", user step2, ...     the token that predicts "+"
    last_token      [bos] problem "\\n" step1 "\\n" step2 ...                             the step's
    own last token

Sources: TRL's PRMTrainer; Qwen2.5-Math-PRM; Math-Shepherd (arXiv:2312.08935); RLHFlow's math-rm.
"""

import dataclasses

from prm_jax.errors import InputError

LAYOUTS = ("plain", "chat", "turns")
MARKERS = ("separator", "added_token", "existing_token", "last_token", "turn")


@dataclasses.dataclass(frozen=True)
class StepConvention:
    """How trajectories become token ids.

    Fields:
        name: of the convention; recorded, not interpreted.
        layout: 'plain' (text), 'chat' (the tokenizer's chat template, steps in the assistant's
            turn) or 'turns' (one user turn a step, answered by `positive`).
        bos: whether a plain layout starts with the tokenizer's BOS token, where it has one.
        prompt: the text before the first step, with `{problem}`.
        step: the text of a step, with `{step}` and, if wanted, `{number}` (counted from 1).
        marker: what the score is read at: 'separator' (the last token of `marker_text`, which is
            tokenised on its own), 'added_token' and 'existing_token' (the special token
            `marker_text`), 'last_token' (of the step itself), or 'turn' (the token before the
            assistant's answer, which predicts it).
        marker_text: the separator or special token after each step.
        between: text between a step's marker and the next step; tokenised on its own.
        system: system message of chat layouts; None leaves it to the template. UNSURE for Qwen:
            published wrappers differ.
        joiner: text between problem and first step in the first user turn ('turns'). UNSURE for
            RLHFlow: " " in its README, a blank line in ProcessBench's wrapper.
        positive, negative: texts of the two answers ('turns') or labels (Math-Shepherd), for a
            two_token head.
    """

    name: str
    layout: str = "plain"
    bos: bool = True
    prompt: str = "{problem}"
    step: str = "{step}"
    marker: str = "separator"
    marker_text: str = "\n"
    between: str = ""
    system: str | None = None
    joiner: str = " "
    positive: str = "+"
    negative: str = "-"

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
        if self.marker not in ("last_token", "turn") and not self.marker_text:
            raise InputError("is empty", field="convention.marker_text")

    def to_dict(self):
        """The fields as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields):
        """The inverse of `to_dict`; an unknown field is an `InputError`."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - known):
            raise InputError(f"unknown fields {unknown}", field="convention")
        return cls(**fields)


CONVENTIONS = {
    convention.name: convention
    for convention in (
        StepConvention("trl"),
        StepConvention(
            "qwen",
            layout="chat",
            marker="existing_token",
            marker_text="<extra_0>",
            system="Please reason step by step, and put your final answer within \\boxed{}.",
        ),
        StepConvention(
            "math_shepherd",
            prompt="{problem} ",
            step="Step {number}: {step} ",
            marker_text="ки",
            between="\n",
        ),
        StepConvention("rlhflow", layout="turns", marker="turn", marker_text=""),
        StepConvention("last_token", prompt="{problem}\n", marker="last_token", between="\n"),
    )
}


def convention(name_or_fields):
    """The `StepConvention` for a name in CONVENTIONS, a dict of fields, or a convention itself."""
    if isinstance(name_or_fields, StepConvention):
        return name_or_fields
    if isinstance(name_or_fields, str):
        if name_or_fields not in CONVENTIONS:
            raise InputError(
                f"unknown convention {name_or_fields!r}",
                field="convention",
                remedy=f"known are {', '.join(CONVENTIONS)}",
            )
        return CONVENTIONS[name_or_fields]
    return StepConvention.from_dict(dict(name_or_fields))
