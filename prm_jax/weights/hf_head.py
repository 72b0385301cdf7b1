"""Which head a Hugging Face architecture means, and which architecture says which head."""

from prm_jax.errors import InputError
from prm_jax.models.heads import HeadConfig
from prm_jax.weights.families import FAMILIES

LANGUAGE_MODEL, TOKEN_CLASSIFIER = "ForCausalLM", "ForTokenClassification"
SEQUENCE_CLASSIFIER, PROCESS_REWARD_MODEL = "ForSequenceClassification", "ForProcessRewardModel"
MULTIMODAL = "ForConditionalGeneration"

# The remote code of Qwen2.5-Math-PRM, by the file and class names of the published checkpoints.
QWEN_PRM_AUTO_MAP = {
    "AutoConfig": "configuration_qwen2_rm.Qwen2RMConfig",
    "AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel",
}


def read_head(values, keys, file):
    """The head of a checkpoint.

    Args:
        values: the decoded `config.json`.
        keys: names of the checkpoint's tensors.
        file: path of `config.json`, for messages.

    Returns:
        HeadConfig; None for a language model.

    Raises:
        InputError: an architecture that is not supported.
    """
    architecture = (values.get("architectures") or [""])[0]
    if architecture.endswith(PROCESS_REWARD_MODEL):
        return HeadConfig("mlp", n_classes=n_labels(values))
    if architecture.endswith((TOKEN_CLASSIFIER, SEQUENCE_CLASSIFIER)):
        n_classes = n_labels(values)
        kind = "scalar" if n_classes == 1 else "linear"
        return HeadConfig(kind, n_classes=n_classes, bias="score.bias" in keys)
    if architecture.endswith((LANGUAGE_MODEL, MULTIMODAL)):
        return None
    raise InputError(
        f"unsupported architecture {architecture!r}",
        file=file,
        field="architectures",
        remedy=f"supported are classes that end in {LANGUAGE_MODEL}, {TOKEN_CLASSIFIER}, "
        f"{SEQUENCE_CLASSIFIER} and {PROCESS_REWARD_MODEL}",
    )


def n_labels(values):
    """Number of classes; transformers leaves it out where it is two."""
    return values.get("num_labels") or len(values.get("id2label") or ()) or 2


def write_head(family, head):
    """The fields of `config.json` that say which head there is.

    A scalar or linear head is a token classifier, Qwen's two-layer head a process reward model of
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
        return values | {"architectures": [prefix + TOKEN_CLASSIFIER]}
    values["architectures"] = [prefix + PROCESS_REWARD_MODEL]
    return values | ({"auto_map": QWEN_PRM_AUTO_MAP} if family == "qwen2" else {})
