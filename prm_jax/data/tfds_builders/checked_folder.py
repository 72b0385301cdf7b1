"""What the files of a built data set may name, looked at before tensorflow-datasets reads them.

A data set says in features.json of which classes its features are, and tensorflow-datasets imports
the module of each; dataset_info.json says how its files are called. Data may come from anywhere, so
only classes of tensorflow-datasets itself are taken, and only files beside these two.
"""

import json
from pathlib import Path

import tensorflow_datasets as tfds

from prm_jax.errors import InputError

INFO, FEATURES = "dataset_info.json", "features.json"
CLASS_KEYS = ("type", "pythonClassName", "python_class_name")
NAME_KEYS = ("name", "filepathTemplate", "filepath_template")
FORMAT_KEYS = ("fileFormat", "file_format")


def check_folder(folder):
    """Raises `InputError` if a data set's directory names code or files that are not its own.

    Args:
        folder: the directory of one version, with dataset_info.json and features.json.
    """
    folder = Path(folder)
    if not (folder / INFO).is_file():
        raise InputError(
            f"holds no {INFO}", file=folder, remedy="name the directory of one version"
        )
    for _, key, name in _texts(_read(folder / FEATURES), CLASS_KEYS):
        if name not in known_classes():
            raise InputError(
                f"{name!r} is no feature of tensorflow-datasets, and code that data name is not "
                "run",
                file=folder / FEATURES,
                field=key,
                remedy="build the data set again with data.tfds_builders",
            )
    info = _read(folder / INFO)
    for place, key, name in _texts(info, NAME_KEYS):
        # Of the data set itself and of its splits, which names of files are made of.
        if place in ("", "splits") and ("/" in name or "\\" in name or ".." in name):
            raise InputError(
                f"{name!r} is no name of a file",
                file=folder / INFO,
                field=f"{place}.{key}".strip("."),
            )
    for _, key, name in _texts(info, FORMAT_KEYS):
        if name != "array_record":
            raise InputError(
                f"{name!r} cannot be read without TensorFlow",
                file=folder / INFO,
                field=key,
                remedy="build the data set with array_record files",
            )


def known_classes() -> frozenset[str]:
    """The names of the classes of features that tensorflow-datasets itself has."""
    base = tfds.features.FeatureConnector
    classes = [getattr(tfds.features, name) for name in dir(tfds.features)]
    own = [kind for kind in classes if isinstance(kind, type) and issubclass(kind, base)]
    names = [f"{kind.__module__}.{kind.__name__}" for kind in own]
    return frozenset(names + [alias for kind in own for alias in vars(kind).get("ALIASES", ())])


def _texts(values, keys):
    """`(name of the field that holds the object, key, text)` of each of `keys`, at any depth."""
    left = [("", values)]
    while left:
        place, value = left.pop()
        if isinstance(value, dict):
            yield from ((place, key, value[key]) for key in keys if isinstance(value.get(key), str))
            left.extend(value.items())
        elif isinstance(value, list):
            left.extend((place, item) for item in value)


def _read(path):
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"cannot be read: {str(error) or type(error).__name__}",
            file=path,
            remedy="build the data set again",
        ) from error
