"""A soak from its plan to its report; one that is stopped goes on after the last kill it noted."""

import collections
import contextlib
import dataclasses
import json
import os
import signal
import time
from pathlib import Path

from prm_jax import provenance
from prm_jax.errors import InputError
from prm_jax.files import LineFile
from prm_jax.progress import Progress
from prm_jax.soak.commands import Calibrating, Converting, Evaluating, Studying
from prm_jax.soak.forks import Forks
from prm_jax.soak.plan import PHASES, Kill, plan
from prm_jax.soak.work import EXACT, SMOKE, Scoring, Sizes, Training
from prm_jax.workers import Worker

WORKS: dict[str, type] = {
    "train": Training,
    "score": Scoring,
    "calibrate": Calibrating,
    "evaluate": Evaluating,
    "convert": Converting,
    "study": Studying,
}
BEGIN_AGAIN = ("calibrate", "evaluate", "convert")
"""Works that are killed at any moment of the seconds that the quickest of them took."""
OF_WHOLE = {"study": 0.5}
"""Within what share of the seconds of the undisturbed one a work is killed that goes on."""
START_SECONDS = 5.0  # from the start of a process to its first progress, until one is measured
# Seconds of a short phase within which a kill comes.
WINDOWS = {"checkpointing": 0.1, "exporting": 0.05, "finishing": 0.02}
PATIENCE_SECONDS = 1800  # for one process
POLL_SECONDS = 0.001
CACHE, CACHE_FROM = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def soak(workdir, kills: int, *, seed=0, smoke=False, command="", show: Progress) -> dict:
    """Kills every kind of work until all kills are made, and lets the last of each finish.

    Args:
        workdir: directory of the soak.
        kills: their number, of all kinds of work.
        seed: of their order and moments.
        smoke: small sizes.
        command: what was asked for, to be written down.
        show: told of the progress.

    Returns:
        What a result file holds: `figures`, and the `run`.

    Raises:
        InputError: something was damaged, lost or differs, or a process failed by itself.
    """
    folder, sizes = Path(workdir), SMOKE if smoke else Sizes()
    folder.mkdir(parents=True, exist_ok=True)
    history = _History(folder / "events.jsonl")
    # Compiled once, and not at each of so many starts; the forks inherit it.
    os.environ.setdefault(CACHE, str(folder.resolve() / "compiled"))
    os.environ.setdefault(CACHE_FROM, "0")
    with contextlib.closing(Worker(Forks)) as forks:
        results = _all(folder, sizes, history, plan(kills, seed), forks, show)
    show.update(kills, kills)
    figures = {**history.figures(), **results, "seed": seed, "sizes": dataclasses.asdict(sizes)}
    return {
        "smoke": smoke,
        "figures": figures,
        "run": provenance.run_record(command, history.seconds()),
    }


def _all(folder, sizes, history, kills_to_come, forks, show):
    """Makes the kills, work by work, and says of each what was compared."""
    wanted = [work for work in WORKS if any(kill.work == work for kill in kills_to_come)]
    for work in wanted:  # the undisturbed ones
        it = WORKS[work](folder, "whole", sizes)
        it.prepare()
        if not it.finished():
            _live(it, work, "whole", None, 0.0, history, folder, forks)
    results: dict = {}
    for work in wanted:
        for kill in kills_to_come:
            if kill.work == work and not history.made(kill):
                show.update(kill.number, len(kills_to_come), f"{work}: {kill.phase}")
                while _next(work, kill, sizes, history, folder, forks) == "finished":
                    pass  # it was too quick; the kill waits for another
        if not history.complete(work):
            _next(work, None, sizes, history, folder, forks)
        for number in range(history.finished(work)):
            for what, found in WORKS[work](folder, f"{work}-{number}", sizes).compare().items():
                results[what] = found if results.get(what) in (None, EXACT) else results[what]
    return results


def _next(work, kill, sizes, history, folder, forks):
    """The next process of a work, to be killed or, without `kill`, to finish; which it did."""
    name = f"{work}-{history.finished(work)}"
    window = WINDOWS.get(kill.phase, sizes.window) if kill else 0.0
    if kill and kill.phase not in WINDOWS:
        if work in BEGIN_AGAIN:
            window = history.work_seconds(work)
        elif work in OF_WHOLE:
            window = OF_WHOLE[work] * history.work_seconds(work, "whole")
    if kill and kill.phase == "start":
        window = history.start_seconds(work)
    delay = kill.fraction * window if kill else 0.0
    return _live(WORKS[work](folder, name, sizes), work, name, kill, delay, history, folder, forks)


def _live(it, work, name, kill: Kill | None, delay, history, folder, forks):
    """Runs a process of `it` and kills it where `kill` says; 'killed' or 'finished'."""
    phase = kill.phase if kill else "end"
    working, sign = it.sign("working"), it.sign(phase)
    log, began, started, due = folder / f"{name}.log", time.monotonic(), None, None
    module, *arguments = it.command()
    process, code = forks.call("start", module, arguments, str(log)), None
    try:
        while (code := forks.call("code", process)) is None:
            now = time.monotonic() - began
            if now > PATIENCE_SECONDS:
                raise InputError(f"nothing came of it in {PATIENCE_SECONDS} seconds", file=log)
            if started is None and working():
                started = now
            if kill and due is None and sign():
                due = now + delay
            if due is not None and now >= due:
                os.kill(process, signal.SIGKILL)
                code = forks.call("code", process, wait=True)
                break
            # To come upon a short phase costs a core; to wait for an end need not.
            time.sleep(POLL_SECONDS if kill else 0.1)
    finally:
        if code is None:
            os.kill(process, signal.SIGKILL)
    if code not in (0, -signal.SIGKILL if kill else 0):
        raise InputError(f"ended by itself with exit code {code}", file=log)
    outcome = "finished" if code == 0 else "killed"
    if outcome == "killed" and phase == "start" and started is not None:
        phase = list(PHASES[work])[1]  # it was quicker than thought
    if outcome == "finished" and not it.finished():
        raise InputError("ended with exit code 0, but not all is there", file=log)
    event = {
        "kill": kill.number if kill else None,
        **{"work": work, "name": name, "phase": phase, "outcome": outcome},
        **{"delay": round(delay, 4), "started": started, "seconds": time.monotonic() - began},
    }
    history.add(event | it.look())
    return outcome


class _History:
    """What happened, an event a process."""

    def __init__(self, path):
        self.events = []
        if path.is_file():
            whole = path.read_bytes().split(b"\n")[:-1]
            self.events = [json.loads(line) for line in whole]
            os.truncate(path, sum(len(line) + 1 for line in whole))
        self._file = LineFile(path)

    def add(self, event):
        self.events.append(event)
        self._file.append([json.dumps(event) + "\n"], sync=True)

    def made(self, kill):
        return any(e["kill"] == kill.number and e["outcome"] == "killed" for e in self.events)

    def finished(self, work):
        """Number of disturbed works that were finished."""
        return sum(e["outcome"] == "finished" for e in self._disturbed(work))

    def complete(self, work):
        """Whether the last disturbed process finished."""
        events = self._disturbed(work)
        return bool(events) and events[-1]["outcome"] == "finished"

    def start_seconds(self, work):
        found = [e["started"] for e in self.events if e["work"] == work and e["started"]]
        return min(found, default=START_SECONDS)

    def work_seconds(self, work, name=None):
        """What the quickest one took, or the one of a name, from its first sign to its end."""
        found = [
            e["seconds"] - (e["started"] or 0.0)
            for e in self.events
            if e["work"] == work and e["outcome"] == "finished" and name in (None, e["name"])
        ]
        return min(found, default=START_SECONDS)

    def seconds(self):
        return sum(e["seconds"] for e in self.events)

    def figures(self):
        killed = [e for e in self.events if e["outcome"] == "killed"]
        by_phase: dict = {work: collections.Counter() for work in WORKS}
        for event in killed:
            by_phase[event["work"]][event["phase"]] += 1
        return {
            "kills": len(killed),
            "kills_by_phase": {work: dict(counts) for work, counts in by_phase.items()},
            "restarts": len(killed),
            "finished": {work: self.finished(work) for work in WORKS},
            "checkpoints_looked_at": sum(e.get("checkpoints", 0) for e in killed),
        }

    def _disturbed(self, work):
        return [e for e in self.events if e["work"] == work and e["name"] != "whole"]
