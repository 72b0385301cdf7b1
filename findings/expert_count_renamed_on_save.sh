#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0, safetensors 0.8.0).
#
# A Qwen3-MoE model that transformers 5 saves again is not laid out as it was, and not as it is in
# memory either. In memory the experts of a layer are two stacked tensors (gate_up_proj, down_proj);
# save_pretrained takes them apart again into three tensors for each expert, under the published
# names. But config.json is not taken back: the published field num_experts is gone, and
# num_local_experts stands in its place. One would guess either that both files go back to the
# published layout, or that neither does.
#
# Seen:
#   in memory: 2 tensors, the first model.layers.0.mlp.experts.down_proj
#   in the file: 12 tensors, the first model.layers.0.mlp.experts.0.down_proj.weight
#   config.json: {'num_local_experts': 4}
#
# Why it matters: who fine-tunes a published model with experts into a reward model and saves it gets
# the old tensors with a new configuration. A loader that looks for num_experts takes such a
# directory for a dense model, or falls back on a default number of experts; one that expects the
# stacked tensors it saw in memory finds none of them.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet transformers==5.23.0 torch==2.13.0 safetensors==0.8.0
cd "$directory"
HF_HUB_OFFLINE=1 "$directory/venv/bin/python" - 2>errors.txt <<'PY' || { cat errors.txt; exit 1; }
import json

from safetensors import safe_open
from transformers import AutoConfig, Qwen3MoeConfig, Qwen3MoeForCausalLM

sizes = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=1)
heads = dict(num_attention_heads=4, num_key_value_heads=2, head_dim=16)
experts = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24)
model = Qwen3MoeForCausalLM(Qwen3MoeConfig(**sizes, **heads, **experts))
model.save_pretrained("saved")

in_memory = sorted(name for name in model.state_dict() if ".experts." in name)
with safe_open("saved/model.safetensors", "pt") as file:
    in_file = sorted(name for name in file.keys() if ".experts." in name)
fields = json.load(open("saved/config.json"))
counts = {name: fields[name] for name in ("num_experts", "num_local_experts") if name in fields}
print(f"in memory: {len(in_memory)} tensors, the first {in_memory[0]}")
print(f"in the file: {len(in_file)} tensors, the first {in_file[0]}")
print(f"config.json: {counts}")
assert len(in_memory) == 2 and len(in_file) == 3 * 4
assert counts == {"num_local_experts": 4}
published = {"model_type": "qwen3_moe", "num_experts": 16}
json.dump(published, open("published.json", "w"))
assert AutoConfig.from_pretrained("published.json").num_experts == 16  # both names are read
PY
