"""Gives every reader damaged inputs by the hundred thousand, and counts what comes of them.

    python tests/fuzz/long_run.py --inputs=1000000 --workdir=runs/fuzz --output=results/fuzz.json

The same command goes on where it was stopped; --seconds ends it sooner. An input that ends in
anything but an answer or an `InputError`, or that takes more than --longest seconds, is noted in
WORKDIR/failures.jsonl with its reader and seed, which make it again: `--again=READER:SEED`.
"""

import argparse
import json
import logging
import signal
import sys
import time
import traceback
import zlib
from pathlib import Path

import fuzzed_readers

from prm_jax import provenance
from prm_jax.files import write_json


class TooLong(BaseException):
    """Raised within a reader that takes too long."""


def parser():
    """The options."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--inputs", type=int, default=1_000_000)
    options.add_argument("--seconds", type=float, default=float("inf"))
    options.add_argument("--longest", type=float, default=20.0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--workdir", type=Path, required=True)
    options.add_argument("--output", type=Path)
    options.add_argument("--again", default="")
    return options


def seed_of(name, seed, number):
    """The seed of a reader's input of a number."""
    return (zlib.crc32(name.encode()) << 40) + (seed << 32) + number


def main():
    """Runs."""
    given = parser().parse_args()
    given.workdir.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.WARNING)
    readers = fuzzed_readers.readers(given.workdir)
    if given.again:
        name, _, seed = given.again.rpartition(":")
        print(fuzzed_readers.attempt(readers[name], int(seed)))
        return
    signal.signal(signal.SIGALRM, _too_long)
    state_file, began = given.workdir / "state.json", time.monotonic()
    state = json.loads(state_file.read_text()) if state_file.is_file() else {}
    shares = sum(reader.share for reader in readers.values())
    wanted = {n: round(given.inputs * r.share / shares) for n, r in readers.items()}
    before = state.get("seconds", 0.0)
    counts = state.setdefault("readers", {})
    part = 0
    while part < 100 and time.monotonic() - began < given.seconds:
        part += 1  # all readers grow together, so that a run cut short has some of each
        for name, reader in readers.items():
            count = counts.setdefault(name, {"answered": 0, "refused": 0, "failed": 0})
            _some(name, reader, count, wanted[name] * part // 100, given)
        state["seconds"] = before + time.monotonic() - began
        write_json(state_file, state)
    total = {
        kind: sum(c[kind] for c in counts.values()) for kind in ("answered", "refused", "failed")
    }
    command = " ".join(["python tests/fuzz/long_run.py", *sys.argv[1:]])
    result = {"inputs": sum(total.values()), **total, "seed": given.seed, "readers": counts}
    if given.output:
        write_json(given.output, result | {"run": provenance.run_record(command, state["seconds"])})
    print(json.dumps(result, indent=2))


def _some(name, reader, count, until, given):
    while (number := sum(count.values())) < until:
        seed = seed_of(name, given.seed, number)
        signal.setitimer(signal.ITIMER_REAL, given.longest)
        try:
            count["answered" if fuzzed_readers.attempt(reader, seed) else "refused"] += 1
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # also what native code raises when it panics
            count["failed"] += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            row = {"reader": name, "seed": seed, "error": f"{type(error).__name__}: {error}"[:300]}
            row["place"] = f"{Path(place.filename).name}:{place.lineno}"
            with open(given.workdir / "failures.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(*_):
    raise TooLong()


if __name__ == "__main__":
    main()
