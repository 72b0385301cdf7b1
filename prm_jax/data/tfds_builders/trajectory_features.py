"""A trajectory as an example of tensorflow-datasets, and back without loss.

What is null has a value that cannot be mistaken (NaN, NO_INDEX, an empty text), and its field is
named in `null_fields`. Numbers that may be soft are float64 kept as bytes: the protocol buffers of
tensorflow-datasets hold float32 only, in which 0.9 would not come back.
"""

import json
import math

import numpy as np
import tensorflow_datasets as tfds

from prm_jax.records import TEXT_FIELDS, Trajectory

NO_INDEX = -2  # -1 says that no step is wrong


def trajectory_features():
    """The features of a trajectory: a `tfds.features.FeaturesDict`."""
    number = {"dtype": np.float64, "encoding": "bytes"}
    return tfds.features.FeaturesDict(
        {
            "problem": tfds.features.Text(),
            "steps": tfds.features.Sequence(tfds.features.Text()),
            "labels": tfds.features.Tensor(shape=(None,), **number),
            "first_error": tfds.features.Scalar(np.int64),
            "outcome": tfds.features.Tensor(shape=(), **number),
            **{name: tfds.features.Text() for name in TEXT_FIELDS},
            "meta": tfds.features.Text(),
            "null_fields": tfds.features.Sequence(tfds.features.Text()),
        }
    )


def to_example(trajectory):
    """The example of a trajectory.

    Returns:
        dict for `trajectory_features`: `labels` f64[S] with NaN for null, `first_error` NO_INDEX
        and `outcome` NaN where unknown, `meta` as JSON, and in `null_fields` the names of the
        fields that are null.
    """
    nullable = ("labels", "first_error", "outcome", *TEXT_FIELDS)
    labels = trajectory.labels or (None,) * len(trajectory.steps)
    return {
        "problem": trajectory.problem,
        "steps": list(trajectory.steps),
        "labels": np.array([math.nan if label is None else label for label in labels], np.float64),
        "first_error": NO_INDEX if trajectory.first_error is None else trajectory.first_error,
        "outcome": np.float64(math.nan if trajectory.outcome is None else trajectory.outcome),
        **{name: getattr(trajectory, name) or "" for name in TEXT_FIELDS},
        "meta": json.dumps(trajectory.meta),
        "null_fields": [name for name in nullable if getattr(trajectory, name) is None],
    }


def from_example(example, where):
    """The trajectory of an example.

    Args:
        example: dict of numpy values, as `builder.as_data_source` gives it.
        where: its `Where`.

    Returns:
        `Trajectory`.

    Raises:
        InputError: the example is of another data set, or holds no trajectory.
    """
    try:
        labels = [None if math.isnan(label) else float(label) for label in example["labels"]]
        row = {
            "problem": _text(example["problem"]),
            "steps": [_text(step) for step in example["steps"]],
            "labels": labels,
            "first_error": int(example["first_error"]),
            "outcome": float(example["outcome"]),
            **{name: _text(example[name]) for name in TEXT_FIELDS},
            "meta": json.loads(_text(example["meta"])),
        }
        nulls = [_text(name) for name in example["null_fields"]]
    except KeyError as error:
        raise where.error(
            f"the data set has no feature {error}", remedy="build it with data.tfds_builders"
        ) from error
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise where.error(
            f"the data set has features of other kinds: {error}",
            remedy="build it with data.tfds_builders",
        ) from error
    return Trajectory.from_dict(row | dict.fromkeys(nulls), where)


def _text(value):
    return value.decode("utf-8")
