"""Workdirs of experts whose adapters were moved instead of trained, and the model they adapt."""

import jax

from prm_jax.files import write_json
from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params, make_mesh
from prm_jax.text import CONVENTIONS
from prm_jax.train import config as config_lib
from prm_jax.train.backbone import byte_tokenizer, make_backbone
from prm_jax.train.checkpoint import Checkpoints
from prm_jax.train.optimizer import make_optimizer
from prm_jax.train.state import create_state
from prm_jax.weights import export
from prm_jax.weights.fingerprint import fingerprint


def make_base(directory):
    """A tiny model with a value head, as the first phase leaves one."""
    model = Decoder(PRESETS["tiny-llama"], head=HeadConfig("scalar"))
    params = init_params(jax.random.key(0), model.config, model.head)
    tokenizer = byte_tokenizer()
    tokenizer.convention = CONVENTIONS["trl"]
    export(directory, model, params, tokenizer)
    return directory


def make_expert(workdir, base, seed, rank=2):
    """A workdir as a run of the second phase leaves one."""
    config = config_lib.default_config()
    config.seed, config.model.name, config.model.head.kind = seed, str(base), ""
    config.data.train = "unread.jsonl"
    config.model.lora.rank, config.model.lora.alpha = rank, float(rank)
    config.model.lora.targets = ("attn/[qv]/kernel",) if rank else ()
    backbone = make_backbone(config, make_mesh(devices=jax.devices()[:1]))
    keys = iter(jax.random.split(jax.random.key(seed), 100))

    def moved(x):
        return x + 0.3 * jax.random.normal(next(keys), x.shape)

    params = jax.tree.map(moved, backbone.params)
    optimizer, _ = make_optimizer(config.optimizer, params, 1)
    checkpoints = Checkpoints(workdir, keep=1)
    record = {"frozen_fingerprint": fingerprint(backbone.frozen)}
    checkpoints.save(create_state(params, backbone.frozen, optimizer), {}, record)
    checkpoints.close()
    write_json(workdir / "config.json", config_lib.to_json(config))
    return str(workdir)
