"""When two final answers are the same answer.

Rule: answers are first normalised as text (below). Equal texts are the same answer. Two numbers
(integers, decimals, fractions a/b) are the same if their values are. Words are compared as text.
Anything else is compared by math-verify in both directions; an answer that it cannot read, or that
takes longer than TIMEOUT_S, equals only its own text.

Equivalence is not transitive there (10% equals both 10 and 0.1; decimals agree to six digits), so a
class is what equals its *first* answer: an answer joins the first class whose first answer it
equals.
"""

import atexit
import functools
import json
import re
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

TIMEOUT_S = 5.0
START_TIMEOUT_S = 120.0
WORKER = Path(__file__).with_name("answer_worker.py")
NO_ANSWER = -1
RULE = (
    "text normalised; numbers by value, words as text, else math-verify in both directions; an "
    "answer joins the first class whose first answer it equals"
)

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(\D|$))")
_WORDS = re.compile(r"[^\W\d_]{2,}([\s-]+[^\W\d_]+)*")
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")


def normalise(answer: str) -> str:
    """The text of an answer without what does not change its meaning.

    Takes away surrounding white space, `$`, `\\boxed{}`, `\\left`, `\\right`, spacing commands, a
    final full stop and thousands separators; unwraps `\\text{}` and lowers the case of words.

    Args:
        answer: as it was extracted.

    Returns:
        The text; '' for no answer.
    """
    text = answer.strip()
    text = re.sub(r"\\(left|right)(?![a-zA-Z])|\\[,;:! ]", "", text)
    text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").replace("−", "-")
    before = None
    while before != text:
        before = text
        text = text.strip().rstrip(".").strip()
        if len(text) > 1 and text[0] == text[-1] == "$":
            text = text[1:-1]
        text = _unboxed(text)
        if whole := _TEXT.fullmatch(text):
            text = whole[1]
    text = " ".join(text.split())
    if _THOUSANDS.search(text) and _NUMBER.fullmatch(_THOUSANDS.sub("", text).lstrip("$")):
        text = _THOUSANDS.sub("", text).lstrip("$")
    return text.casefold() if _WORDS.fullmatch(text) else text


def same_answer(first: str, second: str) -> bool:
    """Whether two answers are the same by the rule above; symmetric."""
    return _same(*sorted((normalise(first), normalise(second))))


def answer_classes(answers: Sequence[str | None]) -> list[int]:
    """Groups answers that are the same.

    Args:
        answers: one a candidate; None or blank for a candidate without an answer.

    Returns:
        For each answer the number of its class, counted from 0 in order of first appearance;
        NO_ANSWER where there is none.
    """
    classes: list[str] = []
    numbers: dict[str, int] = {"": NO_ANSWER}
    for text in (normalise(answer or "") for answer in answers):
        if text not in numbers:
            same = (n for n, first in enumerate(classes) if _same(*sorted((first, text))))
            numbers[text] = next(same, len(classes))
            if numbers[text] == len(classes):
                classes.append(text)
    return [numbers[normalise(answer or "")] for answer in answers]


@functools.lru_cache(maxsize=1 << 16)
def _same(first, second):
    if not first or not second:
        return False
    if first == second:
        return True
    values = _value(first), _value(second)
    if None not in values:
        return values[0] == values[1]
    if _WORDS.fullmatch(first) or _WORDS.fullmatch(second):
        return False
    return _JUDGE.ask(first, second)


def _value(text):
    """The Fraction that a plain number or a/b stands for, or None."""
    top, slash, bottom = text.partition("/")
    if not _NUMBER.fullmatch(top) or (slash and not _NUMBER.fullmatch(bottom)):
        return None
    if not slash:
        return Fraction(top)
    return Fraction(top) / Fraction(bottom) if Fraction(bottom) else None


def _unboxed(text):
    if not (text.startswith("\\boxed{") and text.endswith("}")):
        return text
    depth = 0
    inside = text[len("\\boxed") :]
    for index, character in enumerate(inside):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return inside[1:-1] if index == len(inside) - 1 else text
    return text


class _Judge:
    """The child process that asks math-verify; started when first needed, ended when it hangs."""

    def __init__(self):
        self._process: Any = None  # subprocess.Popen, once started
        self._lock = threading.Lock()

    def ask(self, first, second):
        """Whether math-verify finds two answers equal within TIMEOUT_S."""
        with self._lock:
            try:
                process = self._started()
                process.stdin.write(json.dumps([first, second]) + "\n")
                process.stdin.flush()
                reply = self._reply(TIMEOUT_S)
            except BrokenPipeError:
                reply = None
            if reply is None:
                self._end()
            return bool(reply)

    def close(self):
        """Ends the child process, if there is one."""
        with self._lock:
            self._end()

    def _started(self):
        if self._process is None or self._process.poll() is not None:
            self._end()
            # By path and with -P: as a module of this package it would import jax first.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            if self._reply(START_TIMEOUT_S) is None:
                self._end()
                raise RuntimeError("the process that compares answers did not start")
        return self._process

    def _reply(self, timeout):
        """The child's next reply, True or False; None if it is late or the child has ended."""
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            return None
        line = self._process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def _end(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


_JUDGE = _Judge()
atexit.register(_JUDGE.close)
