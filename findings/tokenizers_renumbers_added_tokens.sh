#!/usr/bin/env bash
# tokenizers 0.23.3
#
# Behaviour: every entry of `added_tokens` in tokenizer.json has an `id`, but loading the file does
# not use it. Added tokens are numbered one after the other behind the model's vocabulary, so where
# the ids in the file have a gap all later tokens get other ids than the file says; a token that is
# added where the vocabulary itself has a gap gets an id that another token already has. Neither
# raises.
#
# Output seen:
#   ids in the file: {'<one>': 2, '<two>': 9}
#   ids when loaded: {'<one>': 2, '<two>': 3}
#   id of the new token: 3 - id of 'c': 3
#
# Why it matters: a process reward model is read at one special token (`<extra_0>`, `<|im_end|>`),
# by its id. A checkpoint whose middle tokens stand only in tokenizer_config.json has such a gap;
# read with tokenizer.json alone the marker becomes the row of another token in the embedding, and
# every step gets a plausible number that means nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
"$work/venv/bin/python" - <<'EOF'
import json

from tokenizers import AddedToken, Tokenizer, models

backend = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
backend.add_special_tokens([AddedToken(t, special=True) for t in ("<one>", "<two>")])
state = json.loads(backend.to_str())
state["added_tokens"][1]["id"] = 9
loaded = Tokenizer.from_str(json.dumps(state))
print("ids in the file:", {t["content"]: t["id"] for t in state["added_tokens"]})
print("ids when loaded:", {t: loaded.token_to_id(t) for t in ("<one>", "<two>")})
assert loaded.token_to_id("<two>") == 3, "the file's id is used now"

gaps = Tokenizer(models.BPE({"a": 0, "b": 1, "c": 3}, []))
gaps.add_special_tokens([AddedToken("<new>", special=True)])
print("id of the new token:", gaps.token_to_id("<new>"), "- id of 'c':", gaps.token_to_id("c"))
assert gaps.token_to_id("<new>") == gaps.token_to_id("c") == 3, "ids no longer collide"
EOF
