"""The quickstart notebook runs from top to bottom, on a tiny model in place of the real one."""

import os
import re
from pathlib import Path

import jax
import nbclient
import nbformat
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers

from prm_jax.models import PRESETS, Decoder, init_params
from prm_jax.text import Tokenizer
from prm_jax.weights import export

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "experiments" / "quickstart.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def _byte_tokenizer():
    """One token a byte: it needs no training and no file."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Backend(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return Tokenizer(backend)


def _output(cell):
    texts = [output.get("text", "") for output in cell.get("outputs", [])]
    texts += [
        "".join(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", [])
    ]
    return "\n".join(texts)


def test_it_runs_and_shows_what_it_says(notebook, tmp_path, monkeypatch):
    config = PRESETS["tiny-llama"]
    params = init_params(jax.random.key(0), config)
    export(tmp_path / "model", Decoder(config), params, _byte_tokenizer())
    monkeypatch.setenv("PRM_JAX_SMOLLM2_135M", str(tmp_path / "model"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()

    outputs = [_output(cell) for cell in notebook.cells]
    everything = "\n".join(outputs)
    assert "2 layers" in everything
    positions = re.findall(r"^position +(\d+): .* label ", everything, re.MULTILINE)
    assert len(positions) >= 2 and positions == sorted(positions, key=int)
    losses = re.findall(r"^step (\d+): loss (\d+\.\d+)$", everything, re.MULTILINE)
    assert [number for number, _ in losses] == ["1", "2", "3", "4"]
    coloured = [text for text in outputs if 'class="solution"' in text]
    assert len(coloured) == 2 and "true first error" in coloured[0]
    assert re.search(
        r"^step AUROC \d\.\d+, 95 % interval \[\d\.\d+, \d\.\d+\]$", everything, re.MULTILINE
    )


def test_it_is_stored_without_outputs(notebook):
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_the_install_cell_does_nothing_where_prm_jax_is_there(notebook):
    install = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert "find_spec" in install.source
    namespace = {}
    exec(install.source, namespace)
    assert "pip" not in namespace
