"""Checkpoints of a run, and a run's model out of them.

A checkpoint holds the trained parameters, the optimizer's state, the state of the data iterator and
a record of the run, under the number of updates made. Frozen parameters are not in it: they come
from where the configuration says, and a fingerprint in the record makes sure they are the same.
Checksums tell a checkpoint that was damaged on the disk; a run goes on from the one before.
"""

import contextlib
import dataclasses
import functools
import os
import shutil
import sys
from pathlib import Path

import jax
import orbax.checkpoint as ocp
from absl import logging
from orbax.checkpoint import checkpoint_managers

from prm_jax.errors import InputError
from prm_jax.files import no_room, room_for
from prm_jax.json_files import read_json
from prm_jax.models import combine, make_mesh, resegment
from prm_jax.models.tree import ADAPTERS
from prm_jax.train import checksums
from prm_jax.train import config as config_lib
from prm_jax.train.backbone import make_backbone
from prm_jax.train.state import TrainState, model_params
from prm_jax.weights.fingerprint import fingerprint

DIRECTORY = "checkpoints"
TEMPORARY = ".orbax-checkpoint-tmp"
REMOVED = "removed"  # where old checkpoints go, so that none is half-removed under its own name
NEVER_SECONDS = 10 * 365 * 24 * 3600
NO_ROOM_REMEDY = (
    "make room, or keep fewer with --config.checkpoints_to_keep; the same command then goes on "
    "from the last checkpoint"
)


class Checkpoints:
    """The checkpoints of a workdir, written in the background.

    Args:
        workdir: directory of the run.
        keep: how many of the latest to keep; None for reading only.
    """

    def __init__(self, workdir, keep=None):
        self.directory = Path(workdir).absolute() / DIRECTORY
        self._saving = self._bytes = 0  # number and size of the checkpoint that is being written
        self._writes = keep is not None
        policy = None if keep is None else checkpoint_managers.LatestN(keep)
        if self._writes:
            self._empty_removed()  # a killed run may have left it
        background = ocp.AsyncOptions(post_finalization_callback=self._write_checksums)
        if jax.process_count() == 1:
            # orbax measures its timeouts by the system's clock, which may jump during a save. Alone
            # a process waits for the disk only.
            background.timeout_secs = NEVER_SECONDS
            background.create_directories_asynchronously = False
        options = ocp.CheckpointManagerOptions(
            create=self._writes,
            read_only=not self._writes,
            cleanup_tmp_directories=self._writes,  # what a killed run left half-written
            # A manager that only reads warns of what it would do in writing.
            save_interval_steps=1 if self._writes else 0,
            preservation_policy=policy,
            todelete_subdir=REMOVED if self._writes else None,
            async_options=background,
        )
        logging.get_absl_logger().addFilter(_not_about_room)
        _be_quiet_about_closed_loops()
        self._manager = ocp.CheckpointManager(self.directory, options=options)

    def latest(self) -> int | None:
        """Number of updates of the latest whole checkpoint, None if there is none."""
        return self._manager.latest_step()

    def save(self, state: TrainState, data_state: dict, record: dict):
        """Begins to write a checkpoint; the state may be donated as soon as this returns.

        Args:
            state: `TrainState`; its frozen parameters are left out.
            data_state: JSON-able state of the data iterator.
            record: JSON-able record of the run.

        Raises:
            InputError: there was no room for this one or the one before.
        """
        step = int(state.step)
        if step == self.latest():
            return
        self.wait()
        self._empty_removed()
        parts = _parts(state)
        self._saving = step
        self._bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(parts))
        with self._room():
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    **{name: ocp.args.StandardSave(part) for name, part in parts.items()},
                    data=ocp.args.JsonSave(data_state),
                    run=ocp.args.JsonSave(record),
                ),
                force=True,  # otherwise the manager skips a save while another is being written
            )

    def record(self, step) -> dict:
        """The record of the run that checkpoint `step` holds."""
        return self._restore(step, run=ocp.args.JsonRestore())["run"]

    def restore(self, step, state: TrainState):
        """Reads checkpoint `step` to where `state` lives.

        Args:
            step: number of updates.
            state: a `TrainState` of arrays or of shapes with shardings; its frozen parameters stay.

        Returns:
            `(state, data_state)`.
        """
        parts = {
            name: ocp.args.StandardRestore(_abstract(part)) for name, part in _parts(state).items()
        }
        items = self._restore(step, data=ocp.args.JsonRestore(), **parts)
        count = jax.device_put(jax.numpy.int32(step), state.step.sharding)
        restored = dataclasses.replace(state, step=count, **{name: items[name] for name in parts})
        return restored, items["data"]

    def restore_params(self, step, params):
        """Reads only the trained parameters of checkpoint `step`, to where `params` live."""
        args = ocp.args.StandardRestore(_abstract(params))
        return self._restore(step, params=args)["params"]

    def check(self, step, items=None):
        """Raises `InputError` if checkpoint `step`, or these parts of it, are damaged."""
        if problem := checksums.damage(self.directory / str(step), items):
            raise InputError(
                f"the checkpoint is damaged: {problem}",
                file=self.directory / str(step),
                remedy="the training, started again, goes on from the one before",
            )

    def wait(self):
        """Returns when everything is on disk.

        Raises:
            InputError: there was no room for it.
        """
        with self._room():
            self._manager.wait_until_finished()

    def close(self):
        """Waits and lets go of the directory."""
        with self._room():
            self._manager.close()
        if self._writes:
            self._empty_removed()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        # Closing waits for the other processes, and one of them may be what failed.
        if jax.process_count() == 1 or kind is None or issubclass(kind, SystemExit):
            # A save that failed fails again here, and would hide the error that says so.
            with contextlib.nullcontext() if kind is None else contextlib.suppress(Exception):
                self.close()

    @contextlib.contextmanager
    def _room(self):
        """Says what a checkpoint takes where there is no room, and leaves nothing half-written."""
        try:
            with room_for(self.directory / str(self._saving), self._bytes, NO_ROOM_REMEDY):
                yield
        except InputError:
            if jax.process_index() == 0:
                for path in self.directory.glob(f"*{TEMPORARY}*"):
                    shutil.rmtree(path, ignore_errors=True)
            raise

    def _empty_removed(self):
        if jax.process_index() == 0:
            shutil.rmtree(self.directory / REMOVED, ignore_errors=True)

    def _write_checksums(self):
        """Called in the first process when all is written, before the directory gets its name."""
        name = str(self._saving)
        [directory] = [*self.directory.glob(f"{name}{TEMPORARY}*"), self.directory / name][:1]
        checksums.write(directory)

    def _restore(self, step, **args):
        try:
            return self._manager.restore(step, args=ocp.args.Composite(**args))
        except Exception as error:  # damaged files end in errors of every kind there
            raise InputError(
                f"cannot be read: {str(error)[:300]}",
                file=self.directory / str(step),
                remedy="remove this checkpoint to continue from the one before",
            ) from error


def load_for_inference(workdir, *, dtype="float32", mesh=None):
    """The model of a run's latest checkpoint.

    Args:
        workdir: directory of the run.
        dtype: 'float32' or 'bfloat16', of the parameters and of the computation.
        mesh: mesh to spread the parameters over; None is the default device.

    Returns:
        `(model, params, tokenizer)` as `weights.load_model` gives them: adapters merged, layers in
        one group.

    Raises:
        InputError: if the workdir has no checkpoint, or its frozen parameters changed.
    """
    backbone, trained = _latest(workdir, mesh)
    params = resegment(model_params(trained, backbone.frozen), ())
    params = jax.tree.map(lambda x: x.astype(dtype), params)
    model = backbone.model.clone(segments=(), dtype=dtype, remat="none")
    return model, params, backbone.tokenizer


def load_adapters(workdir, *, mesh=None):
    """The low-rank adapters of a run's latest checkpoint, apart from the model they adapt.

    Args:
        workdir, mesh: as in `load_for_inference`.

    Returns:
        `(adapters, params, tokenizer)`: adapters as `models.init_lora` gives them; the other
        parameters, of which all but the head are those that the run began with. Both have their
        layers in one group.

    Raises:
        InputError: as `load_for_inference`, or the run trained no adapters.
    """
    backbone, trained = _latest(workdir, mesh)
    tree = resegment(combine(trained, backbone.frozen), ())
    if ADAPTERS not in tree:
        raise InputError(
            "was trained without adapters", file=workdir, remedy="set --config.model.lora.rank"
        )
    return tree.pop(ADAPTERS), tree, backbone.tokenizer


def latest_record(workdir) -> dict:
    """The record of the run in its latest checkpoint.

    Raises:
        InputError: there is none, or it is damaged.
    """
    checkpoints, step = _open_latest(workdir)
    checkpoints.check(step, ("run",))
    record = checkpoints.record(step)
    checkpoints.close()
    return record


def check_frozen(record, frozen, name):
    """Raises `InputError` unless frozen parameters are those that the run began with."""
    if fingerprint(frozen) != record["frozen_fingerprint"]:
        raise InputError(
            f"the frozen parameters of {name!r} are not those that the run began with",
            field="model.name",
            remedy="bring back the files it began with, or use a new workdir",
        )


def _latest(workdir, mesh):
    """`(backbone, trained parameters)` of a run's latest checkpoint."""
    workdir = Path(workdir)
    path = workdir / "config.json"
    if not os.path.lexists(path):
        raise InputError("has no config.json", file=workdir, remedy="give a training workdir")
    values = read_json(path, remedy="bring back the file that the run wrote")
    if "model_type" in values:  # of a checkpoint of transformers
        raise InputError("is no training workdir", file=workdir, remedy="give one of a run")
    config = config_lib.from_json(values, path)
    mesh = make_mesh(devices=jax.devices()[:1]) if mesh is None else mesh
    checkpoints, step = _open_latest(workdir)
    checkpoints.check(step, ("params", "run"))
    backbone = make_backbone(config, mesh)
    check_frozen(checkpoints.record(step), backbone.frozen, config.model.name)
    trained = checkpoints.restore_params(step, backbone.params)
    checkpoints.close()
    return backbone, trained


def _open_latest(workdir):
    checkpoints = Checkpoints(workdir)
    step = checkpoints.latest()
    if step is None:
        raise InputError(
            "has no checkpoint yet", file=workdir, remedy="wait for the first, or train longer"
        )
    return checkpoints, step


@functools.cache
def _be_quiet_about_closed_loops():
    """Keeps a traceback away for each write that ends after the save that it is of has failed.

    Tensorstore tells an event loop that orbax has closed by then.
    """
    before = sys.unraisablehook

    def hook(unraisable):
        error = unraisable.exc_value
        if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
            before(unraisable)

    sys.unraisablehook = hook


def _not_about_room(record):
    """Keeps pages of orbax's tracebacks away from the one line that we say."""
    return not (record.exc_info and no_room(record.exc_info[1]))


def _parts(state):
    """What a checkpoint holds of a state, by name."""
    parts = {"params": state.params, "opt_state": state.opt_state, "domains": state.domains}
    return {name: part for name, part in parts.items() if part is not None}


def _abstract(tree):
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree)
