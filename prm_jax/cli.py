"""How a command starts and how it fails: bad input is one line on stderr and exit code 2."""

import gc
import logging as std_logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from absl import app, flags, logging

from prm_jax import config_files, outputs
from prm_jax.errors import InputError, one_line

COLLECT_AFTER = 100_000
"""New objects between two rounds of Python's garbage collector, which by default runs again and
again while jax is imported."""
INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C."""
GO_ON = frozenset("demo score soak study train train_mixture train_uncertainty_head".split())
"""Commands that keep what they have done."""


def run(main):
    """Parses the flags and runs `main(argv)`.

    Ctrl-C ends it with one line and 130; a training saves first.

    `InputError` and flags that do not parse (an unknown config key among them) print one line and
    exit with 2. A traceback means a defect of ours. `PRM_JAX_DEBUG=1` shows the traceback of an
    `InputError` too. `--help` and its like exit with 0.
    """
    gc.set_threshold(COLLECT_AFTER)

    def parse(argv):
        try:
            return flags.FLAGS(argv)
        except SystemExit:
            if any(argument.lstrip("-").startswith("help") for argument in argv[1:]):
                sys.exit(0)  # absl printed what was asked for, and exits with 1
            raise
        except KeyboardInterrupt:
            interrupted(Path(argv[0]).stem)
        except (
            flags.Error,
            InputError,
            config_files.Refused,
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            OSError,
        ) as error:
            fail(error)

    def guarded(argv):
        logging.set_verbosity(logging.WARNING)
        logging.get_absl_handler().setFormatter(OneLine())
        if len(argv) > 1:
            fail(
                InputError(
                    f"unexpected argument {argv[1]!r}", remedy="flags start with --; try --help"
                )
            )
        try:
            values, alone = flag_values(), runs_alone()
            with outputs.guarded(Path(argv[0]).stem, values, lock=alone):
                main(argv)
        except InputError as error:
            if os.environ.get("PRM_JAX_DEBUG") == "1":
                raise
            fail(error)
        except KeyboardInterrupt:
            interrupted(Path(argv[0]).stem)

    app.run(guarded, flags_parser=parse)


def interrupted(command):
    """Says after Ctrl-C how to go on, and exits with 130."""
    goes_on = command in GO_ON
    how = "goes on from what is finished" if goes_on else "begins again; no output was changed"
    print(f"\nstopped: the same command {how}", file=sys.stderr)
    sys.exit(INTERRUPTED)


def flag_values() -> dict[str, object]:
    """The values of all flags by name; of a configuration its file, and its texts by key."""
    values: dict[str, object] = {}
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        value: Any = flag.value
        if hasattr(value, "to_dict"):
            values[name] = getattr(flag, "config_filename", "")
            values |= {f"{name}.{key}": text for key, text in _leaves(value.to_dict())}
        else:
            values[name] = value
    return values


def _leaves(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            yield f"{prefix}{key}", value


def runs_alone() -> bool:
    """Whether this process is not one of several that write one output together."""
    given = {name: flags.FLAGS[name].value for name in flags.FLAGS}
    return not given.get("distributed") and (given.get("num_processes") or 1) == 1


class OneLine(std_logging.Formatter):
    """Writes a message as `warning: ...`, on one line unless it has a traceback."""

    def format(self, record):
        """The line."""
        line = f"{record.levelname.lower()}: {one_line(record.getMessage())}"
        return line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")


def fail(error):
    """Prints `error` as one line on stderr and exits with 2."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    if isinstance(error, KeyError):  # prints its text quoted
        error = f"unknown configuration key {error.args[0]}"
    print(f"error: {one_line(error)}", file=sys.stderr)
    sys.exit(2)
