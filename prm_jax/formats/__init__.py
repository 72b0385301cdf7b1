"""Foreign files to trajectories and back, one file a format.

A format is a module with `NAME`, `detect(row)`, `read(row, where, **options)`, where it can hold a
trajectory, `write(trajectory)`, and where some rows need a word, `remark(trajectory, where)`, which
gives that word or None. A new one is a new file and its name in FORMATS, before less
specific ones. docs/data_formats.md describes them all.
"""

import dataclasses
import glob
import inspect
import json
import os
from pathlib import Path

from absl import logging

from prm_jax.errors import InputError
from prm_jax.formats import (
    agent_process_bench,
    array_records,
    big_bench_mistake,
    candidates,
    er_prm,
    eurus_prm,
    fin_prm,
    gsm8k,
    judgebench,
    math_aps,
    math_shepherd,
    mathcheck,
    mr_ben,
    mr_gsm8k,
    multi_rm,
    no_format,
    openr,
    openrlhf,
    prm800k,
    prm800k_steps,
    prm_jax,
    prmbench,
    processbench,
    qwen_prm,
    reasoneval,
    reasonflux,
    rlhflow,
    search_and_learn,
    skywork,
    socratic_prmbench,
    strict_prmbench,
    tables,
    thinkprm,
    trl,
    verify_cot,
    visual_process_bench,
)
from prm_jax.json_values import plain
from prm_jax.records import Where, read_jsonl, write_jsonl

FORMATS = {
    module.NAME: module
    for module in (
        processbench,
        socratic_prmbench,
        prmbench,
        big_bench_mistake,
        agent_process_bench,
        visual_process_bench,
        eurus_prm,
        thinkprm,
        judgebench,
        mathcheck,
        reasoneval,
        mr_gsm8k,
        verify_cot,
        strict_prmbench,
        search_and_learn,
        prm800k_steps,
        openrlhf,
        er_prm,
        openr,
        math_aps,
        multi_rm,
        fin_prm,
        qwen_prm,
        skywork,
        reasonflux,
        candidates,
        mr_ben,
        gsm8k,
        prm800k,
        math_shepherd,
        rlhflow,
        trl,
        prm_jax,
    )
}
FIRST_PLACES = 3  # places that a remark names
AFTER_ERROR = ("keep", "truncate", "zero", "mask")
SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".ndjson", tables.SUFFIX)


def read(path, format="auto", skip_bad=None, after_error="keep", **options):
    """Reads trajectories.

    Args:
        path: a file, a directory (its files that end in one of SUFFIXES, and array_record files, by
            name), a glob, a URL of Parquet files, or a list of these.
        format: a name in FORMATS, or 'auto', which looks at each file's first row.
        skip_bad: a `Rejects` that takes refused rows; None raises at the first.
        after_error: labels after the first step labelled below 0.5: 'keep' them, set them to
            'zero', 'mask' them, or 'truncate' the steps (with outcome and answer, which belong to
            the whole solution).
        **options: of the format, such as `neutral`.

    Returns:
        list of `Trajectory`, in file order.

    Raises:
        InputError: a file, row, format or option is bad, or every row was refused.
    """
    return [trajectory for _, trajectory in iterate(path, format, skip_bad, after_error, **options)]


def iterate(path, format="auto", skip_bad=None, after_error="keep", remarks=None, **options):
    """Like `read`, but streams `(Where, Trajectory)`.

    What a format remarks on rows that it read, such as an error index that it ignored, is logged at
    the end, one line for each kind of remark.

    Args: as `read`, and
        remarks: a `Remarks` that takes the remarks, too.
    """
    _check_after_error(after_error)
    n_read, n_refused = 0, len(skip_bad.rows) if skip_bad else 0
    found_files = files(path)
    labels = distinct_names(found_files)
    remarks = Remarks() if remarks is None else remarks
    for file in found_files:
        read_row = row_reader(format, after_error, remarks, **options)
        for where, row in rows(file, skip_bad):
            where = where.called(labels[file])
            try:
                found = read_row(row, where)
            except InputError as error:
                if skip_bad is None or error.file is None:
                    raise
                skip_bad.add(error, row)
                continue
            n_read += 1
            for trajectory in found:
                yield where, trajectory
    for line in remarks.lines():
        logging.warning("%s", line)
    if skip_bad and not n_read:
        refused = skip_bad.rows[n_refused:]
        raise InputError(
            f"no row could be read; the first of {len(refused)} refused: {refused[0]['error']}",
            file=path,
        )


class Remarks:
    """What is to be said of rows that were read all the same: counts and first places."""

    def __init__(self):
        self.found: dict[str, dict] = {}

    def add(self, remark: str, where: Where):
        """Counts one row."""
        entry = self.found.setdefault(remark, {"rows": 0, "first": []})
        entry["rows"] += 1
        if len(entry["first"]) < FIRST_PLACES:
            entry["first"].append(where.name)

    def lines(self) -> list[str]:
        """One line a remark."""
        return [
            f"{remark}: {of['rows']} row{'s' if of['rows'] > 1 else ''}, "
            f"{', '.join(of['first'])}{' ...' if of['rows'] > len(of['first']) else ''}"
            for remark, of in self.found.items()
        ]


def distinct_names(found_files) -> dict[str, str | None]:
    """For each file as many of the last parts of its path as tell it from the others, None where
    its name alone does. Whether paths are relative makes no difference.
    """
    parts = {file: _parts(file) for file in found_files}
    labels: dict[str, str | None] = {}
    for file, own in parts.items():
        others = {tuple(other) for other in parts.values() if other != own}
        n = next(
            n
            for n in range(1, len(own) + 1)
            if n == len(own) or all(other[-n:] != tuple(own[-n:]) for other in others)
        )
        labels[file] = None if n == 1 else "/".join(own[-n:])
    return labels


def _parts(file):
    path = str(file) if tables.is_url(file) else os.path.abspath(file)
    return [part for part in path.replace(os.sep, "/").split("/") if part]


def row_reader(format="auto", after_error="keep", remarks=None, **options):
    """`read_row(row, where) -> list of Trajectory`, for the rows of one file.

    Args: as `iterate`; with 'auto' the first row that is read decides the format.
    """
    _check_after_error(after_error)
    module = None

    def read_row(row, where):
        nonlocal module
        module = module or _module(format, row, where, options)
        found = module.read(_object(row, where), where, **options)
        if remarks is not None and (say := getattr(module, "remark", None)):
            for remark in dict.fromkeys(filter(None, (say(t, where) for t in found))):
                remarks.add(remark, where)
        return [apply_after_error(trajectory, after_error) for trajectory in found]

    return read_row


def detect(path):
    """The name of the format of a file's first row.

    Raises:
        InputError: it fits none.
    """
    where, row = next(rows(files(path)[0]))
    return _module("auto", row, where, {}).NAME


def detected(row):
    """The module of the format that a row is of, None if it fits none.

    Tables give every row all fields of the file, null where it has none. So where none or several
    formats see theirs, the fields that are not null decide.

    Args:
        row: dict.
    """
    fits = [module for module in FORMATS.values() if module.detect(row)]
    if len(fits) != 1:
        given = {name: value for name, value in row.items() if value is not None}
        of_given = [module for module in FORMATS.values() if module.detect(given)]
        fits = [module for module in fits if module in of_given] or of_given or fits
    return fits[0] if fits else None


def write(path, trajectories, format="prm_jax"):
    """Writes trajectories in a format, atomically.

    Raises:
        InputError: the format has no writer, or cannot hold one of them (says which).
    """
    module = writer(format)
    written = []
    for index, trajectory in enumerate(trajectories):
        try:
            written.append(module.write(trajectory))
        except ValueError as error:
            name = trajectory.id or f"number {index}"
            raise InputError(f"trajectory {name}: {error}", file=path) from error
    write_jsonl(path, written)


def writer(format):
    """The module of a format that can be written.

    Raises:
        InputError: there is none of that name, or it has no writer.
    """
    module = FORMATS.get(format)
    if module is None or not hasattr(module, "write"):
        names = [name for name, module in FORMATS.items() if hasattr(module, "write")]
        raise InputError(
            f"cannot write format {format!r}", field="format", remedy=f"one of {', '.join(names)}"
        )
    return module


def files(path):
    """The files that a path, directory, glob or list of these stands for: list of str."""
    if isinstance(path, list | tuple):
        return [file for part in path for file in files(part)]
    path = str(path)
    if tables.is_url(path):
        return tables.files(path)
    _check_name(path)
    if Path(path).is_dir():
        found = sorted(str(file) for file in Path(path).iterdir() if _is_data(file))
        array_records.check_complete(found)
        if not found:
            raise InputError(
                "the directory holds no data", file=path, remedy=f"files end in {SUFFIXES}"
            )
        return found
    if Path(path).exists() or not glob.has_magic(path):
        return [path]
    if found := sorted(glob.glob(path)):
        array_records.check_complete(found)
        return found
    raise InputError("no file matches", file=path)


def check_readable(*paths, format="auto", after_error="keep"):
    """Raises `InputError` for files that are not there and options that no file has.

    Reads nothing, so that a command can call it before work that takes long.

    Args:
        *paths: each as `read` takes it; None stands for no file.
        format, after_error: as `read` takes them.
    """
    _check_format(format)
    _check_after_error(after_error)
    for path in paths:
        for file in [] if path is None else files(path):
            if not (tables.is_url(file) or Path(file).exists()):
                raise InputError(
                    "no such file or directory", file=file, remedy="give the path of a file of rows"
                )


def _check_name(path):
    """Raises `InputError` for what cannot be the name of a file, or is one that may not be seen."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # perhaps a glob
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError(f"no file: {reason}", file=path[:200], remedy="give a path") from error


def rows(path, skip_bad=None):
    """Streams `(Where, row)` of one file; a row holds what JSON knows only, see `json_values`.

    A file is JSON lines; one that ends in .json may also be one document: a list of rows, an object
    whose values are lists of rows, or a single row. Rows of a document, of a Parquet file and of an
    array_record file count in place of lines.

    Args:
        path: the file.
        skip_bad: a `Rejects` that takes rows which cannot be parsed or hold an infinity; None
            raises at the first.
    """
    for where, row in _parsed(path, skip_bad):
        try:
            row = plain(row, where)
        except InputError as error:
            if skip_bad is None:
                raise
            skip_bad.add(error, row)
            continue
        yield where, row


def _parsed(path, skip_bad):
    if array_records.is_array_record(path):
        yield from array_records.rows(path, skip_bad)
        return
    if str(path).endswith(tables.SUFFIX):
        yield from tables.rows(path)
        return
    if tables.is_url(path):
        raise InputError("only Parquet is read from a URL", file=path, remedy="download the file")
    document = _document(path) if str(path).endswith(".json") else None
    if document is None:
        yield from read_jsonl(path, skip_bad)
        return
    if isinstance(document, dict):
        grouped = document and all(_is_list_of_rows(value) for value in document.values())
        document = [row for part in document.values() for row in part] if grouped else [document]
    if not document:
        raise InputError("the file is empty", file=path, remedy="give one object a row")
    for number, row in enumerate(document, 1):
        yield Where(str(path), number), row


def apply_after_error(trajectory, policy):
    """The trajectory with the labels after its first step below 0.5 treated as `read` says."""
    labels = trajectory.step_labels()
    wrong = [i for i, label in enumerate(labels) if label is not None and label < 0.5]
    if policy == "keep" or not wrong:
        return trajectory
    kept, after = wrong[0] + 1, len(labels) - wrong[0] - 1
    if policy == "truncate":
        whole = {} if after == 0 else {"outcome": None, "answer": None}
        return dataclasses.replace(
            trajectory, steps=trajectory.steps[:kept], labels=labels[:kept], **whole
        )
    value = 0.0 if policy == "zero" else None
    return dataclasses.replace(trajectory, labels=labels[:kept] + (value,) * after)


def _check_after_error(policy):
    if policy not in AFTER_ERROR:
        raise InputError(
            f"unknown policy {policy!r}",
            field="after_error",
            remedy=f"one of {', '.join(AFTER_ERROR)}",
        )


def _check_format(format):
    if format != "auto" and format not in FORMATS:
        raise InputError(
            f"unknown format {format!r}", field="format", remedy=f"one of {', '.join(FORMATS)}"
        )


def _is_data(path):
    return path.name.endswith(SUFFIXES) or array_records.is_array_record(path)


def _document(path):
    """The parsed file if it is one JSON document, None if it is JSON lines."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None  # the line reader says what is wrong, and where
    try:
        document = json.loads(text)
    except ValueError as error:
        if _starts_with_a_row(text):
            return None
        line = getattr(error, "lineno", None)
        raise InputError(f"not JSON: {error}", file=path, line=line) from error
    except RecursionError:
        return None
    return document if isinstance(document, list | dict) else None


def _starts_with_a_row(text):
    """Whether the first line is a JSON object, as in JSON lines."""
    try:
        return isinstance(json.loads(text.lstrip().partition("\n")[0]), dict)
    except ValueError:
        return not text.strip()


def _is_list_of_rows(value):
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _module(format, row, where, options):
    if format == "auto":
        row = _object(row, where)
        module = detected(row)
        if module is None:
            names = f"the formats are {', '.join(FORMATS)}; see docs/data_formats.md"
            what, remedy = no_format.describe(row)
            raise where.error(
                f"fits no known format; {what or f'it has the fields {sorted(row)[:8]}'}",
                remedy=f"{remedy}; {names}" if remedy else f"give one: {names}",
            )
    else:
        _check_format(format)
        module = FORMATS[format]
    known = list(inspect.signature(module.read).parameters)[2:]
    if unknown := sorted(set(options) - set(known)):
        raise InputError(
            f"format {module.NAME} has no option {unknown[0]!r}",
            remedy=f"it has {', '.join(known) or 'none'}",
        )
    return module


def _object(row, where):
    if not isinstance(row, dict):
        raise where.error(
            f"a row must be an object, not {type(row).__name__}",
            remedy="give one JSON object a line",
        )
    return row
