"""Which head a Hugging Face checkpoint has, how its steps are marked, and the same for an export.

The tensors say which head it is and how many classes it has; the architecture says what it scores:

architecture             score.*                  scores     steps marked as
...ForTokenClassification  linear                 steps      TRL
...ForProcessRewardModel   two layers             steps      Qwen2.5-Math-PRM
...ForPrmModel             linear, was v_head     steps      Skywork-o1-Open-PRM
...ForSequenceClassification  linear              solutions  outcome
...ForRewardModel          two layers             solutions  outcome (Qwen2.5-Math-RM)
...ForCausalLM, any other  linear, was v_head     solutions  outcome (TRL, LLaMA-Factory, OpenRLHF)
"""

import dataclasses
import re

from prm_jax.errors import InputError
from prm_jax.models.heads import HeadConfig
from prm_jax.text.convention import CONVENTIONS, OF_SOLUTION
from prm_jax.weights.families import FAMILIES

LANGUAGE_MODEL, TOKEN_CLASSIFIER = "ForCausalLM", "ForTokenClassification"
SEQUENCE_CLASSIFIER, PROCESS_REWARD_MODEL = "ForSequenceClassification", "ForProcessRewardModel"
MULTIMODAL, SKYWORK, REWARD_MODEL = "ForConditionalGeneration", "ForPrmModel", "ForRewardModel"
HEADED = (TOKEN_CLASSIFIER, SEQUENCE_CLASSIFIER, PROCESS_REWARD_MODEL, SKYWORK, REWARD_MODEL)
STEPS_MARKED = {TOKEN_CLASSIFIER: "trl", PROCESS_REWARD_MODEL: "qwen", SKYWORK: "skywork"}
# Reward models of other libraries (OpenRLHF's RewardModel), and backbones saved with a head.
OF_OTHERS = re.compile(r"Reward|Regression|Critic|ValueHead|RM$|Model$")
KINDS = ("scalar", "linear", "mlp")
FIRST, SECOND = "score.weight", "score.2.weight"

# The remote code of Qwen2.5-Math-PRM, by the file and class names of the published checkpoints.
QWEN_PRM_AUTO_MAP = {
    "AutoConfig": "configuration_qwen2_rm.Qwen2RMConfig",
    "AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel",
}


def read_head(values, shapes, file):
    """The head of a checkpoint.

    Args:
        values: the decoded `config.json`.
        shapes: dict: name of a tensor -> its shape, by the names of `hf_keys`.
        file: path of `config.json`, for messages.

    Returns:
        HeadConfig; None for a language model.

    Raises:
        InputError: an architecture that is not supported, and no head.
    """
    require_names(values, file)
    architecture = architecture_of(values)
    known = architecture.endswith((LANGUAGE_MODEL, MULTIMODAL, *HEADED)) or not architecture
    if not known and not OF_OTHERS.search(architecture):
        raise unsupported(architecture, file)
    if SECOND in shapes:
        return HeadConfig("mlp", n_classes=shapes[SECOND][0])
    if FIRST in shapes and len(shapes[FIRST]) == 2:
        n_classes = shapes[FIRST][0]
        kind = "scalar" if n_classes == 1 else "linear"
        return HeadConfig(kind, n_classes=n_classes, bias="score.bias" in shapes)
    if architecture.endswith((LANGUAGE_MODEL, MULTIMODAL)):
        return None
    if architecture.endswith(HEADED):
        layer = SECOND if architecture.endswith((PROCESS_REWARD_MODEL, REWARD_MODEL)) else FIRST
        raise InputError(
            f"{architecture} has a head and the weights hold none ({layer})",
            file=file,
            field="architectures",
            remedy=f"save the head too, or name the class that ends in {LANGUAGE_MODEL}",
        )
    raise unsupported(architecture, file)


def unsupported(architecture, file):
    """The error for a class that is neither a language model nor one with a head that we read."""
    return InputError(
        f"unsupported architecture {architecture!r}",
        file=file,
        field="architectures",
        remedy=f"supported are classes that end in {', '.join((LANGUAGE_MODEL, *HEADED))}",
    )


def read_convention(values, pad_token):
    """How a checkpoint with a head marks what it scores, where it does not record that.

    Args:
        values: the decoded `config.json`.
        pad_token: text of the token that pads, or None. A sequence classifier of transformers reads
            the last token that is not that one.

    Returns:
        StepConvention.
    """
    architecture = architecture_of(values)
    for ending, name in STEPS_MARKED.items():
        if architecture.endswith(ending):
            return CONVENTIONS[name]
    return dataclasses.replace(CONVENTIONS["outcome"], pad_token=pad_token or "")


def require_names(values, file):
    """Raises `InputError` unless `architectures` lists names of classes, or nothing."""
    names = values.get("architectures") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"is {str(names)[:60]!r}, not a list of names of classes",
            file=file,
            field="architectures",
            remedy='write it like ["Qwen2ForTokenClassification"]',
        )


def architecture_of(values):
    """The first class that `config.json` names, '' for none."""
    return (values.get("architectures") or [""])[0]


def write_head(family, head, convention=None):
    """The fields of `config.json` that say which head there is.

    A scalar or linear head is a token classifier, or a sequence classifier if it has no bias and
    scores solutions; Qwen's two-layer head is a process reward model of
    the published layout (its code files are not included: copy `modeling_qwen2_rm.py` and
    `configuration_qwen2_rm.py` from a published checkpoint to load the directory in
    transformers), two tokens of the vocabulary, Easy-to-Hard's head, which only we read, and no
    head a language model. Transformers has no
    token classifier for Gemma 3; its name is written all the same, and such a directory loads
    only here.
    """
    prefix = FAMILIES[family].class_prefix
    if head is None or head.kind in ("two_token", "easy_to_hard"):
        return {"architectures": [prefix + LANGUAGE_MODEL]}
    labels = {str(label): f"LABEL_{label}" for label in range(head.n_classes)}
    values = {
        "id2label": labels,
        "label2id": {name: int(label) for label, name in labels.items()},
    }
    if head.kind != "mlp":
        ending = SEQUENCE_CLASSIFIER if pools(head, convention) else TOKEN_CLASSIFIER
        return values | {"architectures": [prefix + ending]}
    values["architectures"] = [prefix + PROCESS_REWARD_MODEL]
    return values | ({"auto_map": QWEN_PRM_AUTO_MAP} if family == "qwen2" else {})


def pools(head, convention):
    """Whether a model is written as a sequence classifier, whose head has no bias."""
    of_solution = convention is not None and convention.marker in OF_SOLUTION
    return of_solution and head is not None and not head.bias and not head.gate
