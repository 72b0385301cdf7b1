#!/usr/bin/env bash
# transformers 5.23.0, tokenizers 0.23.3
#
# Behaviour: `add_bos_token` in tokenizer_config.json changes nothing where a tokenizer.json lies
# beside it. Whether a text starts with BOS is what the post-processor in tokenizer.json says: with
# its template BOS comes although the field is false, and without it BOS does not come although the
# field is true. llama.cpp's converter follows the field where it is there, and the template
# elsewhere.
#
# Output seen:
#   template '<s> $A', add_bos_token False: ['<s>', 'a']
#   template '$A', add_bos_token True: ['a']
#
# Why it matters: a process reward model's first token changes every hidden state that follows. A
# checkpoint whose author switched BOS off, or on, in the documented place is served with it by one
# reader and scored without it by another, and no message says so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3
cd "$work"
"$work/venv/bin/python" - 2>/dev/null <<'EOF'
import json
import os

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer

wrong = 0
for template, said in (("<s> $A", False), ("$A", True)):
    backend = Tokenizer(models.BPE({"a": 0, "<s>": 1}, []))
    backend.add_special_tokens(["<s>"])
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = [("<s>", 1)] if "<s>" in template else []
    backend.post_processor = processors.TemplateProcessing(single=template, special_tokens=special)
    backend.save("tokenizer.json")
    with open("tokenizer_config.json", "w") as file:
        config = {"tokenizer_class": "TokenizersBackend", "bos_token": "<s>", "add_bos_token": said}
        json.dump(config, file)
    tokens = AutoTokenizer.from_pretrained(os.getcwd())("a").tokens()
    print(f"template {template!r}, add_bos_token {said}: {tokens}")
    wrong += (tokens[0] == "<s>") != said
assert wrong == 2, "add_bos_token is obeyed now"
EOF
