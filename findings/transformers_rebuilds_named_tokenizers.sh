#!/usr/bin/env bash
# transformers 5.23.0, tokenizers 0.23.3
#
# Behaviour: where tokenizer_config.json names a tokenizer class that transformers 5 has (here
# Qwen2Tokenizer), AutoTokenizer takes vocabulary and merges from tokenizer.json and replaces its
# pre-tokenizer and normalizer by those of the class. The same file read under the class
# TokenizersBackend, or by the tokenizers library, cuts text as it says itself.
#
# Output seen:
#   tokenizers library:   ['123']
#   TokenizersBackend:    ['123']
#   Qwen2Tokenizer:       ['1', '2', '3']
#
# Why it matters: step-level scores are read at positions in the ids. A reward model whose own
# tokenizer keeps three digits together, saved with the class name of its base model, is scored on
# other ids than it was trained on as soon as transformers 5 reads it, while servers and libraries
# that read tokenizer.json keep the old ones; scores differ most in steps with numbers, which is
# what they are about.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3
cd "$work"
"$work/venv/bin/python" - 2>/dev/null <<'EOF'
import json
import os

from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

letters = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
size = len(letters)
merged = {"12": size, "123": size + 1, "<|endoftext|>": size + 2}
backend = Tokenizer(models.BPE(letters | merged, [("1", "2"), ("12", "3")]))
backend.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}|[^\p{N}]+"), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
backend.save("tokenizer.json")
print("tokenizers library:  ", backend.encode("123").tokens)
seen = {}
for name in ("TokenizersBackend", "Qwen2Tokenizer"):
    with open("tokenizer_config.json", "w") as file:
        json.dump({"tokenizer_class": name, "eos_token": "<|endoftext|>"}, file)
    read = AutoTokenizer.from_pretrained(os.getcwd())
    seen[name] = read.convert_ids_to_tokens(read.encode("123", add_special_tokens=False))
    print(f"{name + ':':21}", seen[name])
assert seen["TokenizersBackend"] == ["123"], seen
assert seen["Qwen2Tokenizer"] == ["1", "2", "3"], "the file's own split is kept now"
EOF
