"""Commands run inside the test's process, and a tiny model for them to load."""

import importlib
import sys
import types

import jax
import pytest
import tokenizers
from absl import flags, logging
from tokenizers import decoders, models, pre_tokenizers

# What the commands import only when they run; imported here, it cannot add flags while they do.
import prm_jax.evaluate.evaluate_file
import prm_jax.report
import prm_jax.scoring.score_file
import prm_jax.train.loop  # noqa: F401
from prm_jax import cli
from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params
from prm_jax.text import CONVENTIONS, Tokenizer
from prm_jax.weights import export


@pytest.fixture
def command(monkeypatch, capfd):
    """`command(name, *flags)` runs `python -m experiments.NAME FLAGS` without a new process.

    Returns its exit code and what it printed: `code`, `out`, `err`. absl's flags are global and
    each command defines its own, so they are taken away again after each run.
    """
    handlers, verbosity = logging.logging.root.handlers[:], logging.get_verbosity()

    def run(name, *arguments):
        registry, was_parsed = flags.FLAGS, flags.FLAGS.is_parsed()
        before = set(registry)
        monkeypatch.setattr(sys, "argv", [f"experiments/{name}.py", *map(str, arguments)])
        monkeypatch.delitem(sys.modules, f"experiments.{name}", raising=False)
        capfd.readouterr()
        code = None
        try:
            cli.run(importlib.import_module(f"experiments.{name}").main)
        except SystemExit as done:
            code = done.code or 0
        finally:
            for flag in set(registry) - before:
                delattr(registry, flag)
            if not was_parsed:
                registry.unparse_flags()
            monkeypatch.delitem(sys.modules, f"experiments.{name}", raising=False)
        printed = capfd.readouterr()
        return types.SimpleNamespace(code=code, out=printed.out, err=printed.err)

    yield run
    logging.logging.root.handlers[:] = handlers
    logging.set_verbosity(verbosity)


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory):
    """A directory with a tiny random model that has a head, and a tokenizer of bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = tokenizers.Tokenizer(models.BPE({byte: i for i, byte in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = Tokenizer(backend)
    tokenizer.convention = CONVENTIONS["trl"]
    model = Decoder(PRESETS["tiny-llama"], head=HeadConfig("scalar"))
    params = init_params(jax.random.key(0), model.config, model.head)
    directory = tmp_path_factory.mktemp("models") / "good"
    export(directory, model, params, tokenizer)
    return directory
