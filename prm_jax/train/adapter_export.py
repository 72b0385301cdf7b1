"""From a run that trained adapters to a directory that peft loads."""

from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.json_files import read_json
from prm_jax.train import config as config_lib
from prm_jax.train.backbone import RANDOM
from prm_jax.train.checkpoint import load_adapters, load_for_inference
from prm_jax.weights import artifacts, load_model
from prm_jax.weights.load import recorded_training
from prm_jax.weights.peft_export import export_adapter
from prm_jax.weights.threshold import recorded_threshold


def export_adapters(workdir, directory, *, base=None, aggregation=None):
    """Writes the adapters and the head of a run's latest checkpoint as peft reads them.

    Args:
        workdir: of a run that trained adapters.
        directory: where to write.
        base: what peft is to load them on; None is the model that the run began with.
        aggregation: name of the aggregation, to be recorded.

    Raises:
        InputError: as `load_adapters` and `weights.peft_export.export_adapter`, or the model was
            changed in another way than peft can say.
    """
    adapters, params, tokenizer = load_adapters(workdir)
    model, _, _ = load_for_inference(workdir)
    file = Path(workdir) / "config.json"
    config = config_lib.from_json(read_json(file), file)
    began = config.model.name
    if began.startswith(RANDOM) and base is None:
        raise InputError(
            f"began with {began!r}, which is not in any file",
            file=workdir,
            field="base",
            remedy="give the base that peft is to load, or export the merged model",
        )
    if config.model.keep_layers != -1:
        raise InputError(
            "has fewer layers than its base",
            file=workdir,
            field="model.keep_layers",
            remedy="export the merged model (without --adapter)",
        )
    if not began.startswith(RANDOM):
        rows = load_model(began)[0].config.vocab_size
        if rows != model.config.vocab_size:
            raise InputError(
                f"has {model.config.vocab_size} rows of the embedding, its base {rows}",
                file=workdir,
                field="adapter",
                remedy="export the merged model (without --adapter)",
            )
    known = artifacts.presets()
    hub = known[began]["hub"] if began in known else str(Path(began).expanduser().absolute())
    export_adapter(
        directory,
        model,
        params,
        adapters,
        tokenizer,
        base=base or hub,
        aggregation=aggregation,
        training=recorded_training(workdir),
        threshold=recorded_threshold(workdir),
    )
