"""Everything a run needs before its first update, made from its configuration."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import grain
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax import objectives
from prm_jax.data.corpus import Corpus, make_corpus, read_trajectories
from prm_jax.data.paired import Paired
from prm_jax.data.pipeline import batches, count_batches
from prm_jax.errors import InputError
from prm_jax.models import batch_sharding, check_row_length
from prm_jax.provenance import code_version
from prm_jax.records import Rejects
from prm_jax.train import bilevel_setup, placement, run_record
from prm_jax.train import config as config_lib
from prm_jax.train.backbone import Backbone, make_backbone, model_files
from prm_jax.train.bilevel import create_domains, step_on_paired
from prm_jax.train.optimizer import make_optimizer
from prm_jax.train.state import TrainState, create_state, with_reference
from prm_jax.train.step import eval_step, train_step
from prm_jax.weights.fingerprint import fingerprint


@dataclasses.dataclass(frozen=True)
class Run:
    """A run before its first update.

    Fields:
        config: its ConfigDict. mesh: its devices.
        backbone: model, tokenizer and initial parameters.
        corpus, held_out: encoded trajectories to learn from, and to validate on (None without).
        meta: encoded solutions that the weights of the sources are judged by; None without.
        rejects: rows that were left out of the files of 'train' and 'validation', not yet written;
            empty unless `config.data.skip_bad`.
        stream: grain dataset of the batches' rows that this process holds.
        total: number of updates.
        state: the initial `TrainState`, spread over the mesh.
        schedule: learning rate by update.
        step_fn: compiled `train_step(state, batch) -> (state, metrics)`; donates the state.
        eval_fn: compiled `eval_step(state, batch) -> results`.
        record: what identifies the run, JSON-able; saved with every checkpoint.
        reads_reference: whether the objective compares with the initial model.
    """

    config: Any
    mesh: Mesh
    backbone: Backbone
    corpus: Corpus
    held_out: Corpus | None
    meta: Corpus | None
    rejects: dict[str, Rejects]
    stream: grain.IterDataset
    total: int
    state: TrainState
    schedule: optax.Schedule
    step_fn: Callable
    eval_fn: Callable
    record: dict
    reads_reference: bool

    @property
    def data_reports(self) -> dict[str, dict]:
        """What was kept and lost, with a fingerprint, for 'train', 'validation' and 'meta'.

        The rejected rows count where their file was named: those of held-out problems of
        `data.train` under 'train'.
        """
        parts = {"train": self.corpus, "validation": self.held_out, "meta": self.meta}
        rejected = {name: len(rejects.rows) for name, rejects in self.rejects.items()}
        return {
            name: {
                **corpus.report,
                "rejected": rejected.get(name, 0),
                "fingerprint": corpus.fingerprint,
            }
            for name, corpus in parts.items()
            if corpus is not None
        }


def make_run(config, mesh, workdir=".") -> Run:
    """Loads the model, reads and encodes the data; compiles and writes nothing yet.

    Args:
        config: as `train.config.default_config` describes it.
        mesh: mesh of the run, set as the current one.
        workdir: directory of the run, where `Run.rejects` will be written.

    Returns:
        `Run`.

    Raises:
        InputError: for anything in the configuration, model or data that does not fit.
    """
    placement.check_rows(config.data.rows, config.microbatches, mesh)
    check_row_length(config.data.row_length, mesh)
    backbone = make_backbone(config, mesh)
    objective = objectives.check(config.objective, backbone.model.head, config.objective_options)
    rejects = run_record.rejects(workdir) if config.data.skip_bad else {}
    corpus, held_out = _read_data(config, backbone.tokenizer, objective, rejects)

    data = config.data
    shape = (data.rows, data.row_length, data.max_steps)
    order: dict[str, Any] = dict(
        seed=config.seed if data.shuffle else None,
        epochs=None if config.steps else config.epochs,
        readers=data.readers,
    )
    total = config.steps or count_batches(corpus, *shape, **order)
    local_rows = placement.rows_of_process(data.rows, mesh)
    stream = batches(corpus, *shape, **order, row_range=local_rows)
    meta = bilevel_setup.read_meta(config, backbone.tokenizer) if config.bilevel.meta else None

    frozen = backbone.frozen
    reads_reference = "reference_BS" in objective.needs
    if reads_reference and config.reference == "params":
        # Copies, since the state's own buffers are donated.
        frozen = with_reference(jax.tree.map(jnp.copy, backbone.params), frozen)
    optimizer, schedule = make_optimizer(config.optimizer, backbone.params, total)
    shardings = placement.state_shardings(backbone.params, frozen, optimizer, mesh)
    replicated, rows_split = NamedSharding(mesh, P()), batch_sharding(mesh)
    domains = None
    update: Any = functools.partial(train_step, microbatches=config.microbatches)
    if meta is not None:
        endless = {**order, "epochs": None, "readers": 1}
        stream = Paired(stream, batches(meta, *shape, **endless, row_range=local_rows))
        weights = bilevel_setup.step_options(config, corpus, objective)
        update = functools.partial(step_on_paired, **weights)
        domains = create_domains(len(corpus.sizes), weights["outer_optimizer"])
        shardings = dataclasses.replace(
            shardings, domains=jax.tree.map(lambda _: replicated, domains)
        )
    create = functools.partial(create_state, optimizer=optimizer, domains=domains)
    state = jax.jit(create, out_shardings=shardings, donate_argnums=(0, 1))(backbone.params, frozen)
    static: dict[str, Any] = dict(model=backbone.model, objective=objective)
    update = functools.partial(update, optimizer=optimizer, **static)
    step_fn = placement.jit_update(update, shardings, mesh)
    eval_fn = jax.jit(
        functools.partial(eval_step, **static),
        in_shardings=(shardings, rows_split),
        out_shardings=replicated,
    )
    record = {
        "config": config_lib.to_json(config),
        "code": code_version(),
        "model_files": model_files(config.model.name),
        "data_fingerprint": corpus.fingerprint,
        "frozen_fingerprint": fingerprint(state.frozen),
        **({"initial_fingerprint": fingerprint(state.params)} if reads_reference else {}),
        "process_count": jax.process_count(),
        "total_steps": total,
    }
    return Run(
        config=config,
        mesh=mesh,
        backbone=backbone,
        corpus=corpus,
        held_out=held_out,
        meta=meta,
        rejects=rejects,
        stream=stream,
        total=total,
        state=state,
        schedule=schedule,
        step_fn=step_fn,
        eval_fn=eval_fn,
        record=record,
        reads_reference=reads_reference,
    )


def _read_data(config, tokenizer, objective, rejects):
    """`(corpus, held-out corpus or None)` of a configuration."""
    data = config.data
    defaults = {"format": data.format, "after_error": data.after_error}
    if data.neutral:
        defaults["neutral"] = data.neutral
    fraction = 0.0 if data.validation else data.validation_fraction
    try:
        kept, held_out = read_trajectories(
            data.train,
            defaults=defaults,
            validation_fraction=fraction,
            skip_bad=rejects.get("train"),
            stream=True,
            held_out_limit=data.validation_limit,
        )
        if data.validation:
            held_out, _ = read_trajectories(
                data.validation, defaults=defaults, skip_bad=rejects.get("validation")
            )
    except InputError as error:
        if error.line is None or data.skip_bad:
            raise
        raise error.advised("leave such rows out with data.skip_bad") from error
    encode = functools.partial(
        make_corpus,
        tokenizer=tokenizer,
        convention=tokenizer.convention,
        max_length=data.max_length,
        supervise=objective.supervise,
        unit=objective.unit,
        unlabelled=data.unlabelled,
    )
    return encode(kept), encode(held_out) if held_out else None
