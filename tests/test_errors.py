"""Messages quote what others wrote: each is one line in which nothing commands the terminal."""

import logging

import pytest

from prm_jax import cli
from prm_jax.errors import InputError, one_line
from prm_jax.progress import Progress

# A colour, a title of the window, a bell, a mark that turns text around, one without width, half of
# a surrogate pair.
HOSTILE = "a\x1b[31m\x1b]0;t\x07\u202eb\u200bc\ud800\x00"
SHOWN = r"a\x1b[31m\x1b]0;t\x07\u202eb\u200bc\ud800\x00"


def test_what_is_printable_stays_and_all_else_is_escaped():
    text = "Größe 答案 √2 🙂 \\x1b"
    assert one_line(text) == text
    assert one_line(HOSTILE) == SHOWN
    assert one_line("a\n\tb\u2028c\r\x85d") == "a b c d"


def test_an_error_a_warning_and_a_line_of_progress_are_escaped(capsys):
    error = InputError(HOSTILE, file=f"{HOSTILE}.jsonl", field=HOSTILE, remedy=HOSTILE)
    assert str(error) == f"{SHOWN}.jsonl: field '{SHOWN}': {SHOWN}; {SHOWN}"
    record = logging.LogRecord("prm_jax", logging.WARNING, "", 1, "%s", (HOSTILE,), None)
    assert cli.OneLine().format(record) == f"warning: {SHOWN}"
    with pytest.raises(SystemExit) as ended:
        cli.fail(ValueError(HOSTILE))
    with Progress("work") as progress:
        progress.say(HOSTILE)
        progress.warn(HOSTILE)
    assert capsys.readouterr().err.splitlines() == [f"error: {SHOWN}", SHOWN, SHOWN]
    assert ended.value.code == 2
