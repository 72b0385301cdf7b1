"""What a command may write: no input, nothing of somebody else's, nothing another one is writing.

One guard for all commands, which works on their flags: those of `OUTPUTS` name what is written, all
others that name something on the disk are inputs.
"""

import contextlib
import glob
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.files import is_special
from prm_jax.locks import held

OUTPUTS = ("output", "out", "output_choices", "report", "plot", "document_path")
"""Names of flags with a file, or of some commands a directory, to write."""
ONLY_WITH = {"document_path": "document"}
"""Those that are written only if another flag is set."""
DIRECTORIES = ("sdm", "cache")
"""Flags with a directory of the command's own, which is read as well as written."""
WORKDIR = "workdir"
WORKDIRS: Mapping[str, tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]] = {
    "demo": (
        {"stages.json": (), "results.json": ("config", "run")},
        ("data", "train", "scores", "results.json", "report.html"),
    ),
    "study": (
        {"seconds.json": (), "data.json": ("config", "sources")},
        ("data", "runs", "scores", "results.json", "report.html"),
    ),
    "train": (
        {"config.json": ("objective", "optimizer")},
        ("config.json", "data_report.json", "metrics.jsonl", "checkpoints", "export"),
    ),
    "train_mixture": (
        {"state.msgpack": (), "mixture.json": ()},
        ("model.safetensors", "mixture.json"),
    ),
    "train_uncertainty_head": (
        {"state.msgpack": (), "uncertainty_head.json": ()},
        ("model.safetensors", "uncertainty_head.json"),
    ),
}
"""By command the files that show a workdir to be of its own, with keys that a JSON file has then,
and the names that are replaced only in such a one."""
KEPT = "cache"
"""A flag with a directory that keeps what is computed, and may hold outputs as well."""
BESIDE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "calibrate": {".meta.json": ("input_sha256",)},
    "convert": {".report.json": ("rows_read", "rows_written")},
    "score": {
        ".partial": ("input_sha256", "model_fingerprint"),
        ".meta.json": ("input_sha256", "model_fingerprint"),
    },
}
"""By command the endings of files beside an output, and keys that those of ours have."""
REJECTS = {".rejects.jsonl": ("line", "error")}
"""The same of every command, with --skip_bad."""
WRITTEN_BESIDE = (".meta.json", ".report.json")
"""What lies in a workdir and is none of its model's files."""
IN_PLACE_OF = {"export"}
"""Commands that put a directory in the place of another one."""
FILLS = {"build_dataset"}
"""Commands that put directories into another one."""
OF_MODEL = ("*.json", "*.safetensors", "*.gguf", "*.model", "*.jinja", "*.txt", "*.bin")
MANY = 100_000


@contextlib.contextmanager
def guarded(command: str, values: Mapping[str, object], lock: bool = True) -> Iterator[None]:
    """Checks a command's outputs, and holds their locks while the block runs.

    Args:
        command: its name, such as 'score'.
        values: of its flags, by name.
        lock: False checks only.

    Raises:
        InputError: an output is also an input, or another output; a file beside it is not of this
            command; another process writes it.
    """
    outputs = {
        name: str(values[name])
        for name in OUTPUTS
        if values.get(name) and values.get(ONLY_WITH.get(name, name))
    }
    beside = {**BESIDE.get(command, {}), **(REJECTS if values.get("skip_bad") else {})}
    directories = {name: str(values[name]) for name in DIRECTORIES if values.get(name)}
    refuse_shared(outputs, beside, directories)
    inputs = {
        name: value
        for name, value in values.items()
        if name not in (*OUTPUTS, WORKDIR, KEPT) and value
    }
    for name, path in outputs.items():
        if is_special(path):
            continue
        refuse_input(path, name, inputs, beside)
        if command in IN_PLACE_OF:
            refuse_directory(path, name, inputs)
        if command in FILLS:
            refuse_within(path, name, inputs)
        refuse_foreign(path, beside)
    with contextlib.ExitStack() as locks:
        if lock:
            written = [*outputs.values(), *([directories["sdm"]] if "sdm" in directories else [])]
            for path in sorted({os.path.realpath(path) for path in written}):
                if not is_special(path):
                    locks.enter_context(held(path))
            if values.get(WORKDIR):
                locks.enter_context(held(str(values[WORKDIR]), within=True))
        if values.get(WORKDIR) and command in WORKDIRS:
            refuse_workdir(str(values[WORKDIR]), *WORKDIRS[command])
        yield


def refuse_input(path, name: str, inputs: Mapping[str, object], beside: Iterable[str]) -> None:
    """Raises `InputError` if an output, or a file beside it, is one of the inputs.

    Links count as what they point to.

    Args:
        path: of the output.
        name: of its flag.
        inputs: values of other flags, by name: texts or lists of them, of which those are looked at
            that name files, directories or patterns, with options (`PATH?option=value`) or
            without.
        beside: endings of the files beside it.
    """
    there = {}
    for ending in ("", *beside):
        with contextlib.suppress(OSError):
            status = os.stat(f"{path}{ending}")
            if stat.S_ISREG(status.st_mode):
                there[status.st_dev, status.st_ino] = f"{path}{ending}"
    if not there:
        return
    for other, value in inputs.items():
        for text in _texts(value):
            for file in files_of(text):
                with contextlib.suppress(OSError):
                    status = os.stat(file)
                    if written := there.get((status.st_dev, status.st_ino)):
                        raise InputError(
                            f"would replace {written}, which --{other} reads",
                            file=path,
                            field=name,
                            remedy="write to another file",
                        )


def refuse_directory(path, name: str, inputs: Mapping[str, object]) -> None:
    """Raises `InputError` for a directory that is to be replaced and is an input, or holds one."""
    target = Path(os.path.realpath(path))
    for other, value in inputs.items():
        for text in _texts(value):
            place = Path(os.path.realpath(os.path.expanduser(text)))
            read = {place, place / "export"} if (place / "checkpoints").is_dir() else {place}
            if place.exists() and any(target in (file, *file.parents) for file in read):
                raise InputError(
                    f"would replace what --{other} reads",
                    file=path,
                    field=name,
                    remedy="write to another directory",
                )


def refuse_within(path, name: str, inputs: Mapping[str, object]) -> None:
    """Raises `InputError` for a directory that is to be filled and lies in an input's, or is it."""
    target = Path(os.path.realpath(path))
    for other, value in inputs.items():
        for text in _texts(value):
            place = Path(os.path.realpath(os.path.expanduser(text)))
            if text and place.is_dir() and place in (target, *target.parents):
                raise InputError(
                    f"lies in what --{other} reads",
                    file=path,
                    field=name,
                    remedy="write to another directory",
                )


def refuse_workdir(path, records: Mapping[str, tuple[str, ...]], written: Iterable[str]) -> None:
    """Raises `InputError` for a workdir with something that would be replaced and is none of ours.

    Args:
        path: of the workdir.
        records, written: as `WORKDIRS` has them.
    """
    for name, keys in records.items():
        file = Path(path) / name
        if file.is_file() and (not keys or not file.stat().st_size or _is_ours(file, keys)):
            return
    for name in written:
        if os.path.lexists(Path(path) / name):
            raise InputError(
                "is in the place of what this command writes, and is none of ours",
                file=Path(path) / name,
                field=WORKDIR,
                remedy="give a directory of its own",
            )


def refuse_foreign(path, beside: Mapping[str, tuple[str, ...]]) -> None:
    """Raises `InputError` for a file beside an output that no command of ours made."""
    for ending, keys in beside.items():
        file = Path(f"{path}{ending}")
        if file.is_dir() or file.is_file() and file.stat().st_size and not _is_ours(file, keys):
            raise InputError(
                "is in the place of a file that this command writes, and is none of ours",
                file=file,
                remedy="move it away, or write to another file",
            )


def files_of(text: str) -> list[str]:
    """The files on the disk that a flag's value stands for; none if it names nothing there."""
    found: list[str] = []
    # Options follow a '?', of a configuration its name in the file a ':'.
    for place in (text, text.partition("?")[0], text.rpartition(":")[0], *text.split(",")):
        place = os.path.expanduser(place)
        if os.path.isfile(place):
            found.append(place)
        elif os.path.isdir(place):
            found += _of_directory(Path(place))
        elif glob.has_magic(place):
            found += glob.glob(place)[:MANY]
    return found


def _of_directory(directory):
    """A model's files, of a training workdir those of its export and checkpoints; else all."""
    model = any((directory / name).exists() for name in ("config.json", "adapter_config.json"))
    if model or (directory / "checkpoints").is_dir():
        own = [
            file
            for place in (directory, directory / "export")
            for pattern in OF_MODEL
            for file in place.glob(pattern)
            if not file.name.endswith(WRITTEN_BESIDE)
        ]
        return [str(file) for file in [*own, *(directory / "checkpoints").rglob("*")]][:MANY]
    return [str(file) for file in directory.iterdir()][:MANY]


def _texts(value) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [part for part in value if isinstance(part, str)]
    return []


def refuse_shared(
    outputs: Mapping[str, str], beside: Iterable[str], directories: Mapping[str, str] | None = None
) -> None:
    """Raises `InputError` for two outputs in one place, files beside one included.

    Args:
        outputs: by flag.
        beside: endings of the files beside each.
        directories: of the command's own, by flag.
    """
    taken: dict[str, str] = {}
    for name, path in {**outputs, **(directories or {})}.items():
        if is_special(path):
            continue
        endings = ("", *beside) if name in outputs else ("",)
        places = [os.path.realpath(f"{path}{ending}") for ending in endings]
        for place in places:
            if place in taken:
                raise InputError(
                    f"is written by --{taken[place]} already",
                    file=place,
                    field=name,
                    remedy="give each output a file of its own",
                )
        taken |= dict.fromkeys(places, name)


def _is_ours(file, keys):
    """Whether a file's first line, or all of it, is a JSON object with these keys."""
    try:
        with open(file, encoding="utf-8") as opened:
            first = opened.readline(10_000_000)
            try:
                values = json.loads(first)
            except ValueError:
                values = json.loads(first + opened.read(100_000_000))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and all(key in values for key in keys)
