#!/usr/bin/env bash
# transformers 5.23.0 with torch 2.13.0: of a tensor that two shards hold, the one in the file that the
# index names is not what counts: the files are read in the order of their names and the last wins. A
# model.safetensors beside the index is read instead of all of them, without a warning.
#
# Output seen:
#   head 1 in the file that the index names, 2 in the other; read: {2.0}
#   and a model.safetensors with 3 beside them; read: {3.0}
#
# Why it matters: a reward model saved twice into one directory, once sharded and once whole, gives
# other rewards in readers that follow the index (as ours does among shards, with a warning).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "transformers==5.23.0" "torch==2.13.0" "safetensors==0.8.0"
TRANSFORMERS_VERBOSITY=warning "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

transformers.utils.logging.disable_progress_bar()
sizes = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, vocab_size=16)
sizes |= dict(num_attention_heads=2, num_key_value_heads=1, num_labels=1, pad_token_id=0)
config = transformers.LlamaConfig(**sizes)
folder = pathlib.Path(sys.argv[1]) / "model"
transformers.LlamaForSequenceClassification(config).save_pretrained(folder)
single = folder / "model.safetensors"
tensors = load_file(single)
files = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
index = folder / "model.safetensors.index.json"
listed = {key: files[0] for key in tensors}
listed["model.norm.weight"] = files[1]
index.write_text(json.dumps({"metadata": {}, "weight_map": listed}))
ones = torch.ones_like(tensors["score.weight"])


def score():
    model = transformers.LlamaForSequenceClassification.from_pretrained(folder)
    return set(model.score.weight.detach().flatten().tolist())


# The index names the first file for the head; the second still holds one of an earlier save.
save_file({**tensors, "score.weight": ones}, folder / files[0])
save_file({**tensors, "score.weight": 2 * ones}, folder / files[1])
single.unlink()
shards = score()
print("head 1 in the file that the index names, 2 in the other; read:", shards)
save_file({**tensors, "score.weight": 3 * ones}, single)
beside = score()
print("and a model.safetensors with 3 beside them; read:", beside)
sys.exit(0 if (shards, beside) == ({2.0}, {3.0}) else "the behaviour has changed")
PYTHON
