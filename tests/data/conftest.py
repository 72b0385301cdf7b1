"""Files of small solutions, and a tokenizer with one token a byte."""

import json

import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from prm_jax.text import CONVENTIONS, Tokenizer


@pytest.fixture(scope="session")
def tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = tokenizers.Tokenizer(models.BPE({byte: i for i, byte in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return Tokenizer(backend)


@pytest.fixture(scope="session")
def convention():
    """TRL's: a line break after every step, where the score is read."""
    return CONVENTIONS["trl"]


@pytest.fixture
def write_rows(tmp_path):
    """`write_rows(name, *rows)` makes a JSONL file of dicts, or of lines as they are."""

    def write(name, *rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return write


@pytest.fixture
def solutions(write_rows):
    """`solutions(name, n)` makes a file of n solutions with ids name/0, name/1 and so on."""

    def write(name, n, **fields):
        rows = [
            {"id": f"{name}/{i}", "problem": f"{name} {i}", "steps": ["a", "b"], "labels": [1, 0]}
            for i in range(n)
        ]
        return write_rows(f"{name}.jsonl", *(row | fields for row in rows))

    return write
