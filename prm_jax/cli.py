"""How a command starts and how it fails: bad input is one line on stderr and exit code 2."""

import gc
import logging as std_logging
import os
import sys

from absl import app, flags, logging

from prm_jax.errors import InputError

COLLECT_AFTER = 100_000
"""New objects between two rounds of Python's garbage collector. By default it takes a third of the
processor time of importing jax."""


def run(main):
    """Parses the flags and runs `main(argv)`.

    `InputError` and flags that do not parse (an unknown config key among them) print one line and
    exit with 2. A traceback means a defect of ours. `PRM_JAX_DEBUG=1` shows the traceback of an
    `InputError` too. `--help` and its like exit with 0.
    """
    gc.set_threshold(COLLECT_AFTER)

    def parse(argv):
        try:
            rest = flags.FLAGS(argv)
            check_config()
            return rest
        except SystemExit:
            if any(argument.lstrip("-").startswith("help") for argument in argv[1:]):
                sys.exit(0)  # absl printed what was asked for, and exits with 1
            raise
        except (
            flags.Error,
            InputError,
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
            main(argv)
        except InputError as error:
            if os.environ.get("PRM_JAX_DEBUG") == "1":
                raise
            fail(error)

    app.run(guarded, flags_parser=parse)


class OneLine(std_logging.Formatter):
    """Writes a message as `warning: ...`, on one line unless it has a traceback."""

    def format(self, record):
        """The line."""
        line = f"{record.levelname.lower()}: {' '.join(record.getMessage().split())}"
        return line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")


def check_config():
    """Raises `InputError` if `--config` names a file that could not be loaded.

    ml_collections says so only when the configuration is first used.
    """
    config = flags.FLAGS["config"].value if "config" in flags.FLAGS else None
    try:
        getattr(config, "keys", None)
    except OSError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(
            f"the configuration cannot be loaded: {reason}",
            field="config",
            remedy="give a Python file with a function get_config()",
        ) from error


def fail(error):
    """Prints `error` as one line on stderr and exits with 2."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    if isinstance(error, KeyError):  # prints its text quoted
        error = f"unknown configuration key {error.args[0]}"
    print("error: " + " ".join(str(error).split()), file=sys.stderr)
    sys.exit(2)
