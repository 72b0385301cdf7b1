"""Training from a configuration to an exported model, resumable at any moment."""

import contextlib
import dataclasses
import math
import shutil
import signal
import time
from pathlib import Path

import jax

from prm_jax.compilation import FirstResult
from prm_jax.data import readers
from prm_jax.errors import InputError
from prm_jax.files import check_writable, room_for, write_json
from prm_jax.locks import held
from prm_jax.models import make_mesh
from prm_jax.progress import Progress
from prm_jax.train import config as config_lib
from prm_jax.train import distributed, placement, run_record
from prm_jax.train.checkpoint import Checkpoints, check_frozen
from prm_jax.train.damaged import set_aside_damaged, set_aside_damaged_export
from prm_jax.train.feature_cache import FeatureCache
from prm_jax.train.metrics import METRICS, MetricsWriter, in_words
from prm_jax.train.reference import ReferenceLogProbs
from prm_jax.train.setup import Run, make_run
from prm_jax.train.state import model_params
from prm_jax.train.validation import Validation
from prm_jax.weights import export
from prm_jax.weights.threshold import recorded_threshold

STOPPED = 128 + signal.SIGTERM  # exit code of a run that was asked to stop, after it has saved
NAMED = 50  # trajectories that a message names


def train(config, workdir, progress=True) -> dict[str, float]:
    """Runs a training, or continues the one that `workdir` holds.

    Writes to `workdir`: config.json, data_report.json, rejects/ (if rows are left out),
    metrics.jsonl, tensorboard/, checkpoints/ and, at the end, export/. Killed at any moment and
    started again it comes to the same parameters, bit by bit, on the same machine and mesh. SIGTERM
    and SIGINT (Ctrl-C) save and exit with code 143 and 130. Of several processes (see
    `train.distributed`) all call this with the same arguments and one writes; their number may
    change when a run is continued.

    Args:
        config: ConfigDict as `train.config.default_config` describes it.
        workdir: directory of the run, made if it does not exist.
        progress: whether to show progress on stderr.

    Returns:
        The last metrics of training and validation by name.

    Raises:
        InputError: for a configuration, data or workdir that do not fit, and for a loss that is not
            finite.
    """
    workdir = Path(workdir)
    config_lib.check(config)
    config_lib.check_data(config.data, config.bilevel.meta)
    run_record.check_workdir(workdir, config)
    check_writable(workdir / run_record.CONFIG, make=False)  # before any work
    if config.compilation_cache:
        cache = Path(config.compilation_cache).expanduser()
        jax.config.update("jax_compilation_cache_dir", str(cache))
    mesh = make_mesh(**config.mesh)
    asked = config_lib.flatten(config_lib.to_json(config))
    distributed.check_same({"workdir": str(workdir), **asked}, "settings")
    is_first = jax.process_index() == 0
    with jax.set_mesh(mesh), contextlib.ExitStack() as closing:
        if is_first and jax.process_count() > 1:
            closing.enter_context(held(workdir, within=True))
        show = closing.enter_context(Progress("loading", show=progress and is_first))
        run = make_run(config, mesh, workdir)
        run_record.check_data(workdir, run.data_reports)
        validation = None
        if run.held_out is not None:
            attached = _attached(run, run.held_out, workdir / "reference-validation.npz", show)
            validation = Validation(run.held_out, config.data, mesh, run.eval_fn, attached)
        attached = _attached(run, run.corpus, workdir / "reference.npz", show)
        stream = run.stream
        for attach in attached:
            stream = stream.map(attach)
        iterator = iter(stream)
        check_writable(workdir / run_record.CONFIG)
        keep = config.checkpoints_to_keep
        for sentence in _agreed(lambda: set_aside_damaged(workdir)):
            show.warn(sentence)
        checkpoints = closing.enter_context(Checkpoints(workdir, keep))
        state, start = run.state, checkpoints.latest() or 0
        found = {f"{name} data": report["fingerprint"] for name, report in run.data_reports.items()}
        distributed.check_same({**found, "latest checkpoint": start}, "files")
        if start:
            check_frozen(checkpoints.record(start), state.frozen, config.model.name)
            state, data_state = checkpoints.restore(start, state)
            iterator.set_state(data_state)
            show.say(f"going on from the checkpoint of step {start}")
        elif (workdir / METRICS).is_file():
            show.say("there is no checkpoint: the run begins anew")
        writer = None
        if is_first:
            write_json(workdir / run_record.CONFIG, run.record["config"])
            write_json(workdir / run_record.DATA_REPORT, run.data_reports)
            for rejects in run.rejects.values():
                rejects.write()
            writer = MetricsWriter(workdir, start, config.tensorboard)
            closing.callback(writer.close)
        if jax.process_count() > 1:
            show.say(f"{jax.process_count()} processes with {jax.device_count()} devices")
            if run.corpus.streamed and config.data.readers % jax.process_count():
                show.say("data.readers is no multiple of them: each reads more than its share")
        for name, report in run.data_reports.items():
            show.say(f"{name}: {_in_words(report)}{_rejected_in_words(run.rejects.get(name))}")
        first_result = FirstResult(show, _program(config))
        log = _Log(run, show, writer, {} if writer is None else writer.earlier, first_result)
        if start < run.total:
            first_result.wait(run.total, start)
        state = _updates(run, state, start, iterator, validation, checkpoints, log)
        if run.corpus.streamed:
            drawn = readers.drawn(_data_state(iterator))
            if is_first:
                write_json(workdir / run_record.DATA_REPORT, {**run.data_reports, "drawn": drawn})
        threshold = None
        with contextlib.suppress(InputError):
            threshold = recorded_threshold(workdir / "export")
        for sentence in _agreed(lambda: set_aside_damaged_export(workdir)):
            show.warn(sentence)
        if not (workdir / "export" / "config.json").is_file():
            show.begin("exporting")
            _export(workdir, run, state, log.latest, threshold)
        return log.latest


def _agreed(work) -> list[str]:
    """What `work` returns in the first process, which alone calls it; its errors end them all."""
    done: list[str] = []
    problem: InputError | None = None
    if jax.process_index() == 0:
        try:
            done = work()
        except InputError as error:
            problem = error
    failed, *_ = distributed.gathered(problem is not None and str(problem))
    if failed:
        raise problem or InputError(failed)
    return done


def _attached(run: Run, corpus, reference_path, show):
    """Functions that add to a batch what was computed of its corpus before training."""
    model, functions = run.config.model, []
    of = (corpus, run.backbone.model, run.state)
    if model.feature_cache:
        options = dict(dtype=model.feature_dtype, mesh=run.mesh, show=show)
        functions.append(FeatureCache(model.feature_cache, *of, run.config.data, **options).attach)
    if run.reads_reference and run.config.reference == "cached":
        key = (run.record["frozen_fingerprint"], run.record["initial_fingerprint"])
        options = dict(key=key, data=run.config.data, mesh=run.mesh, show=show)
        functions.append(ReferenceLogProbs(reference_path, *of, **options).attach)
    return functions


def _updates(run: Run, state, start, iterator, validation, checkpoints, log: "_Log"):
    """Makes the updates after `start`; returns the last state, saved."""
    config = run.config
    pending = None

    def finish(step, device_metrics, batch):
        metrics = {name: float(value) for name, value in jax.device_get(device_metrics).items()}
        if not (math.isfinite(metrics["loss"]) and math.isfinite(metrics["grad_norm"])):
            raise _not_finite(step, metrics, batch, run.corpus.names, checkpoints)
        return metrics

    with distributed.noticing_stop(run.mesh) as stop:
        for step in range(start + 1, run.total + 1):
            batch = next(iterator)
            placed = placement.put_batch(batch, config.data.rows, run.mesh)
            state, device_metrics = run.step_fn(state, placed)
            # The device works on this step while the numbers of the one before are fetched.
            if pending is not None:
                log.step(pending[0], finish(*pending), log.seconds())
            pending = (step, device_metrics, batch)
            last, stopping = step == run.total, stop()
            evaluate = last or (config.eval_every and step % config.eval_every == 0)
            save = last or step % config.checkpoint_every == 0 or stopping
            if not (evaluate or save):
                continue
            metrics, pending = finish(*pending), None
            seconds = log.seconds()
            measured = validation.measure(state, log.show) if evaluate and validation else {}
            log.step(step, metrics, seconds, measured)
            stopping = stopping or stop()  # perhaps only since the validation began
            if save or stopping:
                checkpoints.save(state, _data_state(iterator), run.record)
            log.seconds()  # what was spent on other things belongs to no step
            if stopping and not last:
                checkpoints.wait()
                log.show.warn(f"stopped and saved: the same command goes on after update {step}")
                raise SystemExit(distributed.stopped_code())
    checkpoints.wait()
    return state


def _program(config):
    """What the program of an update is made from."""
    asked = config_lib.to_json(config)
    shape = {name: asked["data"][name] for name in ("rows", "row_length", "max_steps")}
    names = ("model", "objective", "objective_options", "optimizer", "microbatches", "mesh")
    return {"update": shape, **{name: asked[name] for name in names}}


def _data_state(iterator):
    """The state of the stream, of which other processes may hold parts."""
    return readers.merged(distributed.gathered(iterator.get_state()))


@dataclasses.dataclass
class _Log:
    """Turns the numbers of a step into lines and a bar; `latest` has the last value of each."""

    run: Run
    show: Progress
    writer: MetricsWriter | None
    latest: dict[str, float]
    first_result: FirstResult
    clock: float = dataclasses.field(default_factory=time.monotonic)

    def step(self, step, metrics, seconds, measured=None):
        """Logs the metrics of a training step that took so long, and of a validation after it."""
        metrics = {
            **metrics,
            "learning_rate": float(self.run.schedule(step - 1)),
            "tokens_per_second": metrics["tokens"] / seconds,
            "labels_per_second": metrics["weight"] / seconds,
            **(measured or {}),
        }
        self.latest.update(metrics)
        due = step % self.run.config.log_every == 0 or step == self.run.total or measured
        if self.writer is not None and due:
            self.writer.write(step, metrics)
        if self.first_result.awaited or measured:
            self.first_result.came()
            self.show.begin("training", self.run.total, step)  # compiling and validating is over
        self.show.update(step, numbers=in_words(self.latest))

    def seconds(self):
        """Seconds since the last call."""
        now = time.monotonic()
        elapsed, self.clock = max(now - self.clock, 1e-9), now
        return elapsed


def _not_finite(step, metrics, batch, names, checkpoints):
    examples = sorted({int(i) for i in batch["step_example"].ravel() if i >= 0})
    named = ", ".join(names[i] for i in examples[:NAMED])
    if len(examples) > NAMED:
        named += f" and {len(examples) - NAMED} more"
    checkpoints.wait()
    good = checkpoints.latest()
    place = "there is none" if good is None else str(checkpoints.directory / str(good))
    return InputError(
        f"step {step}: loss {metrics['loss']} with gradient norm {metrics['grad_norm']}; "
        f"trajectories of the batch: {named}; last good checkpoint: {place}",
        remedy="lower the learning rate or look at these trajectories",
    )


def _in_words(report):
    text = (
        f"{report['trajectories']} trajectories, {report['steps']} steps, {report['labels']} labels"
    )
    if "streamed" in report:
        text += f" in memory; {report['streamed']} records are streamed"
    if lost := report["truncated_trajectories"]:
        text += f"; {lost} trajectories were cut, {report['lost_steps']} steps lost"
    if report["dropped_without_label"]:
        text += f"; {report['dropped_without_label']} without a label were dropped"
    return text


def _rejected_in_words(rejects):
    if rejects is None or not rejects.rows:
        return ""
    return f"; {len(rejects.rows)} bad rows were left out, see {rejects.path}"


def _export(workdir, run, state, metrics, threshold):
    """Writes `workdir/export`, which another program can load without this run."""
    summary = {"record": run.record, "metrics": metrics}
    params = model_params(state.params, state.frozen)
    if jax.process_count() > 1:
        params = placement.fetch(params, run.mesh)
    model, tokenizer = run.backbone.model, run.backbone.tokenizer
    if jax.process_index() == 0:
        for unfinished in workdir.glob(".export.*"):  # of a process that was killed
            shutil.rmtree(unfinished, ignore_errors=True)
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
        with room_for(workdir / "export", size):
            about = {"training": summary, "threshold": threshold}
            export(workdir / "export", model, params, tokenizer, **about)
