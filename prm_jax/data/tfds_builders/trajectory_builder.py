"""What the builders share: published files in, array_record files of trajectories out.

The files are those that the authors publish, under their own names, in `manual_dir`; the readers of
`prm_jax.formats` read them. A split is built if its files are there. Rows that the reader refuses
are left out and kept beside the data, in SPLIT.rejects.jsonl.
"""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from absl import logging

from prm_jax import formats
from prm_jax.data.tfds_builders.checked_folder import check_folder
from prm_jax.data.tfds_builders.trajectory_features import (
    from_example,
    to_example,
    trajectory_features,
)
from prm_jax.errors import InputError
from prm_jax.files import room_for
from prm_jax.records import Rejects, Trajectory, Where


@dataclasses.dataclass
class OptionsConfig(tfds.core.BuilderConfig):
    """A variant of a data set.

    Fields:
        options: passed to the reader of the format, such as `{"neutral": "masked"}`.
    """

    options: dict[str, Any] = dataclasses.field(default_factory=dict)


class TrajectoryBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A data set of trajectories in array_record files, in the order of the published files.

    A subclass says where the data come from and what may be done with them.

    Fields:
        FORMAT: the name in `formats.FORMATS`.
        SPLITS: split -> its file in `manual_dir`, which may be a glob.
        DESCRIPTION, HOMEPAGE, CITATION, LICENSE: for `builder.info`; the citation is BibTeX.
        MANUAL_DOWNLOAD_INSTRUCTIONS: where the files are to be had.
    """

    FORMAT: ClassVar[str]
    SPLITS: ClassVar[dict[str, str]]
    DESCRIPTION: ClassVar[str]
    HOMEPAGE: ClassVar[str]
    CITATION: ClassVar[str]
    LICENSE: ClassVar[str]

    def __init__(self, *, file_format="array_record", **kwargs):
        super().__init__(file_format=file_format, **kwargs)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.DESCRIPTION,
            features=trajectory_features(),
            homepage=self.HOMEPAGE,
            citation=self.CITATION,
            license=self.LICENSE,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        folder = manual_folder(dl_manager)
        found = self.split_files(folder)
        if not found:
            raise InputError(
                f"{self.name} needs {' or '.join(self.SPLITS.values())}",
                file=folder,
                field="manual_dir",
                remedy=self.MANUAL_DOWNLOAD_INSTRUCTIONS,
            )
        if missing := sorted(set(self.SPLITS) - set(found)):
            logging.warning("%s: no files of %s, not built", self.name, ", ".join(missing))
        return {split: self._generate_examples(split, found[split]) for split in found}

    def _generate_examples(self, split, files):
        rejects = Rejects(Path(self.data_path) / f"{split}.rejects.jsonl")
        for number, trajectory in enumerate(self.trajectories(files, rejects)):
            yield number, to_example(trajectory)
        rejects.write()
        if rejects.rows:
            logging.warning(
                "%s: %d rows of %s are refused, see %s",
                self.name,
                len(rejects.rows),
                split,
                rejects.path.name,
            )

    def split_files(self, folder: Path | None) -> dict[str, list[str]]:
        """The files of each split that is there: split -> paths, in order of their names."""
        found = {
            split: sorted(str(file) for file in folder.glob(pattern))
            for split, pattern in self.SPLITS.items()
            if folder is not None
        }
        return {split: files for split, files in found.items() if files}

    def trajectories(self, files: list[str], rejects: Rejects) -> Iterable[Trajectory]:
        """The trajectories of a split's files."""
        for _, trajectory in formats.iterate(files, self.FORMAT, rejects, **self.options):
            yield trajectory

    @property
    def options(self) -> dict[str, Any]:
        """The options of the variant that is built."""
        return self.builder_config.options if self.builder_config else {}


def manual_folder(dl_manager) -> Path | None:
    """The directory that the user named, None if it is missing or empty."""
    try:
        return Path(dl_manager.manual_dir)
    except AssertionError:  # how tensorflow-datasets says so
        return None


def build(builder, manual_dir=None):
    """Builds a data set, unless it is built already.

    Args:
        builder: a `TrajectoryBuilder`.
        manual_dir: where the published files lie.

    Raises:
        InputError: there is no file of the data set, or none of a file's rows can be read.
    """
    config = tfds.download.DownloadConfig(manual_dir=manual_dir and str(manual_dir))
    with room_for(builder.data_path, remedy="make room and build it again"):
        builder.download_and_prepare(download_config=config)


def read(builder, split) -> list[Trajectory]:
    """Reads a split of a built data set back; TensorFlow is not needed.

    Args:
        builder: of any data set that a `TrajectoryBuilder` built, or the directory that holds it
            (the one with `dataset_info.json`).
        split: name of the split, also in part: 'train[:100]'.

    Returns:
        The trajectories, in their published order.

    Raises:
        InputError: the data set is not built, has no such split, holds something else, or names
            code that is not of tensorflow-datasets.
    """
    if isinstance(builder, str | os.PathLike):
        builder = _open(builder)
    folder, splits = builder.data_path, builder.info.splits
    if not splits:
        raise InputError("no data set is built here", file=folder, remedy="call `build` first")
    check_folder(folder)
    try:
        source = builder.as_data_source(split=split)
    except ValueError as error:
        known = ", ".join(sorted(splits))
        raise InputError(
            f"no split {split!r}", file=folder, field="split", remedy=f"known: {known}"
        ) from error
    places = [Where(f"{folder}/{split}", number + 1) for number in range(len(source))]
    return [from_example(_example(source, where), where) for where in places]


def _example(source, where):
    try:
        return source[where.line - 1]
    except Exception as error:  # of many kinds, where the files do not fit what they say of it
        raise where.error(
            f"the example cannot be read: {error}", remedy="build the data set again"
        ) from error


def _open(folder):
    check_folder(folder)
    try:
        return tfds.builder_from_directory(folder)
    except Exception as error:  # what is damaged raises errors of many kinds there
        raise InputError(
            f"is no data set that can be read: {error}",
            file=folder,
            remedy="build it again with data.tfds_builders",
        ) from error
