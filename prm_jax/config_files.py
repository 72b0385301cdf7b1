"""The flag `--config`: a Python file, which is run, or a run's own record, which is read as data.

Only a file that ends in `.py` is ever run. A `.json` file, such as WORKDIR/config.json or a result
file with its `config`, is data: its values take the place of the defaults.
"""

import difflib
import importlib
import inspect
import re
import sys
import traceback
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from prm_jax.errors import InputError, few
from prm_jax.json_files import read_json

NAME = "config"
SHOWN = 12  # names in a message
FORMS = "give a Python file (.py) with a function get_config(), or the config.json of a run"


class Refused(Exception):
    """Carries an `InputError` out of absl's flags, which put errors of other kinds into words."""


def define(reference: str | Callable[[], ConfigDict], open: Collection[str] = ()) -> Any:
    """Defines `--config` of a command; called where the command's other flags are defined.

    Args:
        reference: what a configuration of this command looks like: 'MODULE:FUNCTION', which is
            imported when a file is given, or a function; gives a ConfigDict.
        open: keys, of the form 'data.sources', below which a configuration may have other keys
            than the reference has; '' is all.

    Returns:
        The flag's holder; its `value` is a locked ConfigDict of the reference's keys.
    """
    holder = config_flags.DEFINE_config_file(NAME, None, f"Configuration file: {FORMS[5:]}.")
    flags.FLAGS[NAME].parser = Parser(reference, open)
    return holder


class Parser(flags.ArgumentParser):
    """Reads the file that `--config` names."""

    def __init__(self, reference, open):
        self.reference, self.open = reference, open

    def parse(self, argument):
        """The locked ConfigDict of FILE or FILE:NAME.

        Raises:
            Refused: it cannot be read, or is none of this command.
        """
        try:
            return read(argument, self._reference(), self.open)
        except InputError as error:
            raise Refused(error) from error

    def flag_type(self):
        """For `--help`."""
        return "config object"

    def _reference(self):
        if callable(self.reference):
            return self.reference()
        module, _, function = self.reference.partition(":")
        return getattr(importlib.import_module(module), function)()


def read(
    argument: str, reference: ConfigDict | None = None, open: Collection[str] = ()
) -> ConfigDict:
    """The configuration that a file holds.

    Args:
        argument: FILE.py, FILE.py:NAME, where NAME is given to its `get_config`, or FILE.json.
        reference: a configuration of the kind that is wanted; None takes any, of a Python file.
        open: as `define` takes it.

    Returns:
        A locked ConfigDict with the reference's keys.

    Raises:
        InputError: there is no such file, it is of another kind, or fails.
    """
    file, _, name = argument.partition(":")
    path = Path(file).expanduser()
    if path.suffix not in (".py", ".json"):
        what = "is a directory" if path.is_dir() else "is no Python file and no JSON file"
        raise _refused(what if file else "no file is named", file or None)
    if not path.is_file():
        near = difflib.get_close_matches(path.name, _beside(path), n=1)
        raise _refused(
            "the configuration cannot be loaded: there is no such file",
            path,
            f"it may be {path.with_name(near[0])}" if near else FORMS,
        )
    if path.suffix == ".json":
        if name:
            raise _refused(f"a JSON file has no names, such as {name!r}, in it", path)
        return from_record(read_json(path, remedy=FORMS), reference or ConfigDict(), path, open)
    config, command = _run(path, argument)
    if reference is not None:
        _check_kind(config, reference, path, open, command)
    config.unlock()  # else locking does not reach parts that were put in later
    return config.lock()


def from_record(
    values: Mapping[str, Any], reference: ConfigDict, file=None, open: Collection[str] = ()
) -> ConfigDict:
    """The configuration that was written as JSON; keys that it lacks have their default.

    Args:
        values: the JSON object, or one that holds it under `config`, as result files do.
        reference: the defaults, with the keys that there are.
        file: where it comes from, for messages.
        open: as `define` takes it.

    Raises:
        InputError: an unknown key, or a value of another type.
    """
    if isinstance(values.get(NAME), dict) and NAME not in reference:
        values = values[NAME]
    config = reference.copy_and_resolve_references()
    with config.unlocked():
        _update(config, values, file, open)
    return config.lock()


def flatten(config: Mapping[str, Any] | ConfigDict, prefix: str = "") -> dict[str, Any]:
    """{'data.rows': 8, ...} of a ConfigDict or of its JSON form."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if hasattr(value, "items"):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def one_of(what: str, name: str, known: Iterable[str]) -> str:
    """The name, if it is one of those that are known: for the NAME of FILE.py:NAME.

    Args:
        what: it names, for the message, such as 'objective'.
        name: as given.
        known: all names.

    Raises:
        InputError: it is none; says which are near, or the first.
    """
    known = list(known)
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=3)
    remedy = f"it may be {' or '.join(near)}" if near else f"known are {few(known, SHOWN)}"
    raise InputError(f"unknown {what} {name!r}", field=NAME, remedy=remedy)


def _run(path, argument):
    """What `get_config` of a Python file gives, and the command that the file names."""
    try:
        source = path.read_bytes()
        code = compile(source, str(path), "exec")
    except SyntaxError as error:
        raise InputError(f"{error.msg}", file=path, line=error.lineno, field=NAME) from error
    except (OSError, ValueError) as error:
        raise _refused(f"cannot be read: {error}", path) from error
    module = types.ModuleType(f"{NAME}_file")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # as dataclasses and the like need it
    with _Inside(path):
        exec(code, module.__dict__)
    make = getattr(module, "get_config", None)
    if not callable(make):
        raise _refused("has no function get_config", path)
    given = argument.split(":", 1)[1:]
    try:
        inspect.signature(make).bind(*given)
    except TypeError as error:
        what = f"its get_config takes no name, such as {given[0]!r}" if given else "needs a name"
        how = "leave out what follows the colon" if given else f"give {path}:NAME"
        raise _refused(what, path, how) from error
    with _Inside(path):
        config = make(*given)
    if not isinstance(config, ConfigDict):
        raise _refused(f"get_config gives {config!r} and no ConfigDict", path)
    return config, _command(module.__doc__ or "", path.name)


def _command(text, name):
    """The command that the docstring of a configuration file runs it with, if it says so."""
    with_it = re.search(rf"experiments\.(\w+)\s+--config=\S*{re.escape(name)}", text)
    named = with_it or re.search(r"experiments\.(\w+)", text)
    return named and named[1]


class _Inside:
    """Turns whatever a configuration file raises into an `InputError` with its line."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None or isinstance(error, KeyboardInterrupt | MemoryError | GeneratorExit):
            return
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(trace)
            if frame.filename == str(self.path)
        ]
        line = lines[-1] if lines else None
        if isinstance(error, InputError):
            where = (self.path, line) if error.file is None else (error.file, error.line)
            raise InputError(
                error.problem, file=where[0], line=where[1], field=error.field, remedy=error.remedy
            ) from error
        said = str(error).strip()
        raise InputError(
            f"{kind.__name__}{': ' if said else ''}{said}", file=self.path, line=line, field=NAME
        ) from error


def _check_kind(config, reference, path, open, command):
    """Raises `InputError` for a configuration with other keys, or types, than the reference."""
    known, given = flatten(reference), flatten(config)
    below = [part for part in open if part]
    if missing := [key for key in known if key not in given and not _is_open(key, below)]:
        other = f"; its command is python -m experiments.{command}" if command else ""
        raise _refused(
            f"is no configuration of this command: it lacks {few(missing)}",
            path,
            f"take one of configs/ that names this command{other}",
        )
    if unknown := [key for key in given if key not in known and not _is_open(key, open)]:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise InputError(
            f"unknown key {unknown[0]!r}",
            file=path,
            field=NAME,
            remedy=f"it may be {near[0]}" if near else "leave it out",
        )
    for key, value in given.items():
        if key in known and not _fits(value, known[key]):
            raise InputError(
                f"cannot be {value!r}",
                file=path,
                field=key,
                remedy=f"give a value like {known[key]!r}",
            )


def _is_open(key, open):
    return any(not part or key == part or key.startswith(f"{part}.") for part in open)


def _fits(value, like):
    """Whether a value is of the type of another one; whole numbers are also real ones."""
    if like is None or value is None:
        return True
    if isinstance(like, bool) or isinstance(value, bool):
        return isinstance(like, bool) and isinstance(value, bool)
    if isinstance(like, float):
        return isinstance(value, int | float)
    if isinstance(like, list | tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(like))


def _update(config, values, file, open, prefix=""):
    for key, value in values.items():
        field = f"{prefix}{key}"
        try:
            known = config[key] if key in config else None
            if isinstance(value, dict) and isinstance(known, ConfigDict):
                if field in open:  # its keys are the user's own: none is a default
                    for name in [name for name in known if name not in value]:
                        del known[name]
                _update(known, value, file, open, f"{field}.")
            elif key not in config and _is_open(field, open):
                config[key] = ConfigDict(value) if isinstance(value, dict) else _tuples(value)
            elif key not in config:
                raise KeyError(key)
            elif isinstance(value, dict) or isinstance(known, ConfigDict):
                raise TypeError
            else:
                config[key] = _tuples(value)
        except InputError:
            raise
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            unknown = isinstance(error, KeyError)
            raise InputError(
                "is an unknown key" if unknown else f"cannot be {value!r}",
                file=file,
                field=field,
                remedy="take the file that the run wrote",
            ) from error


def _tuples(value):
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _beside(path):
    try:
        return [file.name for file in path.parent.iterdir()]
    except OSError:
        return []


def _refused(what, path, remedy=FORMS):
    return InputError(what, file=path, field=NAME, remedy=remedy)
