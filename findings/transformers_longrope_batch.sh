#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0): with LongRoPE (Phi-3, Phi-4-mini) the logits of a short row
# depend on how long the longest row of its batch is. The choice between the short and the long
# divisors is made once a batch, from the largest position in it, not once a row.
# Output seen: "largest change of the short row's logits beside a long one: 2.919".
# Why it matters: scores of a process reward model on such a backbone change with the solutions
# that happen to share its batch, and a threshold fitted on one batching does not fit another.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q transformers==5.23.0 torch==2.13.0
"$place/venv/bin/python" - <<'PY'
import torch
from transformers import Phi3Config, Phi3ForCausalLM

rope = dict(rope_type="longrope", rope_theta=1e4, short_factor=[1.0] * 4, long_factor=[8.0] * 4)
config = Phi3Config(
    vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, pad_token_id=0,
    num_attention_heads=4, max_position_embeddings=64, original_max_position_embeddings=16,
    rope_parameters=rope | dict(original_max_position_embeddings=16),
)
torch.manual_seed(0)
model = Phi3ForCausalLM(config).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.mul_(8 if parameter.ndim == 2 else 1)
    rows = torch.randint(1, 64, (2, 24))
    mask = torch.ones_like(rows)
    rows[0, 12:], mask[0, 12:] = 0, 0
    alone = model(rows[:1, :12], attention_mask=mask[:1, :12]).logits[0]
    beside = model(rows, attention_mask=mask).logits[0, :12]
change = (alone - beside).abs().max().item()
print(f"largest change of the short row's logits beside a long one: {change:.3f}")
assert change > 1e-2, "the row's logits no longer depend on its neighbour"
PY
