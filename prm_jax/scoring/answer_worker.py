"""A child process that compares answers with math-verify, one JSON request and reply a line.

It is a process of its own because simplifying an answer such as 10^(10^10) does not end and cannot
be interrupted from within: the parent waits as long as it likes and then ends the process.
"""

import functools
import json
import logging
import sys

import math_verify

MAX_BYTES = 4 << 30


@functools.lru_cache(maxsize=4096)
def parsed(answer):
    """What math-verify reads in an answer: a list, empty if nothing."""
    if "\\boxed" not in answer and not answer.startswith("$"):
        answer = f"${answer}$"
    return math_verify.parse(answer, parsing_timeout=None)


def equivalent(first, second):
    """Whether each of two answers verifies the other.

    Both directions, since `verify` takes an interval for the inequality that describes it but not
    the other way round.
    """
    first, second = parsed(first), parsed(second)
    return all(
        math_verify.verify(gold, target, timeout_seconds=None)
        for gold, target in ((first, second), (second, first))
    )


def limit_memory():
    """Bounds the address space, where the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    except (ImportError, OSError, ValueError):
        pass


def main():
    """Says true when ready, then answers each request `[first, second]` with true or false."""
    logging.disable(logging.CRITICAL)
    limit_memory()
    replies, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps(True), file=replies, flush=True)  # imports are done, requests can be timed
    for line in sys.stdin:
        first, second = json.loads(line)
        try:
            same = equivalent(first, second)
        except Exception:  # math-verify lets errors of sympy and its parser through
            same = False
        print(json.dumps(bool(same)), file=replies, flush=True)


if __name__ == "__main__":
    main()
