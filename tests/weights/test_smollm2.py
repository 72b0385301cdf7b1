"""SmolLM2-135M from its quantised file against transformers' own reading of the same file."""

import numpy as np
import pytest

from prm_jax.models import PRESETS
from prm_jax.weights import load_model

TEXT = """Maya has 17 boxes with 24 apples each. She gives away 96 apples. How many are left?
Step 1: There are 17 * 24 = 408 apples at first.
Step 2: After giving away 96, there are 408 - 96 = 312 apples.
The answer is 312."""


def test_logits_equal_those_of_transformers_on_the_same_file(smollm2_gguf):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model, params, tokenizer = load_model(smollm2_gguf)
    assert model.config == PRESETS["smollm2-135m"]
    tokens = np.asarray([tokenizer.encode(TEXT)], np.int32)
    assert tokens.size > 80
    ours = np.asarray(model.apply({"params": params}, tokens, logits=True).logits_BTV)
    torch.set_num_threads(
        1
    )  # on a busy machine its threads wait for each other longer than they work
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        smollm2_gguf.parent, gguf_file=smollm2_gguf.name, dtype=torch.float32
    )
    with torch.no_grad():
        reference = theirs.eval()(torch.from_numpy(tokens).long()).logits.numpy()
    difference = np.abs(ours - reference).max()
    print(f"max |logit difference| {difference:.1e} over {tokens.size} tokens")
    np.testing.assert_array_equal(ours.argmax(-1), reference.argmax(-1))
    assert difference <= 2e-3
