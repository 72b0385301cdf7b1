"""The child process that tries regular expressions of a model's files on the names of modules.

Some expressions take longer than anyone waits, and none can be interrupted from within.
"""

import json
import re
import signal
import sys

LONGEST_S = 15
"""Seconds after which this process ends itself, where the one that asked is gone."""


def first_match(patterns, name):
    """`(index, problem)`: of the first pattern that ends a dotted name, None without one; what is
    wrong with the pattern at that index, None if nothing is."""
    for index, pattern in enumerate(patterns):
        try:
            if re.match(rf"(.*\.)?({pattern})$", name):
                return index, None
        except (re.error, RecursionError, OverflowError) as error:
            return index, str(error)
    return None, None


def main():
    """Says true when ready, then answers each `[patterns, name]`."""
    print(json.dumps(True), flush=True)
    for line in sys.stdin:
        signal.alarm(LONGEST_S)
        print(json.dumps(first_match(*json.loads(line))), flush=True)
        signal.alarm(0)


if __name__ == "__main__":
    main()
