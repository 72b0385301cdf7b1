"""How byte-level tokenizers cut a text before they merge, by the name that GGUF files give it.

`tokenizer.ggml.pre` is only a name; llama.cpp knows the split that goes with each. Here are those
whose patterns the tokenizer.json of the models is known to have, in the syntax of that file; where
llama.cpp had to rewrite a pattern for its own matcher, the original is what counts. Names and
groups are those of llama.cpp's `llama-vocab.cpp` (2026).
"""

from typing import NamedTuple

from tokenizers import Regex, normalizers, pre_tokenizers

from prm_jax.errors import InputError

FIELD = "tokenizer.ggml.pre"
REMEDY = "convert the model to a Hugging Face directory"

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = QWEN2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(
    r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{M}\p{N}]+"
)
JAIS2 = LLAMA3.removesuffix(r"\s+(?!\S)|\s+") + "|".join(
    [*(rf"\s{{{2**power}}}(?!\S)" for power in range(9, 1, -1)), r"\s{1,2}(?!\S)", r"\s{1}"]
)
SEED_CODER = QWEN2.replace(r"[^\s\p{L}\p{N}]+[\r\n]*", r"[^\s\p{L}\p{N}\r\n]+")
BAILING = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)
EXAONE_MOE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
WORDS = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*")
REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = "|".join([*WORDS, r"\p{N}", REST])
SHORTENED = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT_4O = "|".join([*(word + SHORTENED for word in WORDS), r"\p{N}{1,3}", REST])
BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
DEEPSEEK_V3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
    r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_LETTERS = (  # cased letters, as a list of their ranges
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗ"
    "ὙὛὝ\u1f5f-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌ\u1fd0-\u1fd3\u1fd6-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝ\u2124\u2126\u2128\u212a-\u212dℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎ"
    "ꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)
DEEPSEEK_CJK = "[一-龥ࠀ-一가-퟿]+"


class Split(NamedTuple):
    """One way to cut: `patterns` one after the other, then GPT-2's own pattern if `gpt2`.

    `ignore_merges`: a piece that is a token is taken whole. `bos`: what llama.cpp assumes of
    `add_bos_token`. `normalizer`: of the text before, as the models' tokenizer.json has it.
    """

    patterns: tuple = ()
    gpt2: bool = False
    ignore_merges: bool = False
    bos: bool = False
    normalizer: type | None = None


DIGITS = pre_tokenizers.Digits(individual_digits=True)
GPT2 = Split(gpt2=True)
SINGLE_DIGITS = Split((DIGITS,), gpt2=True)
LLAMA3_LIKE = Split((LLAMA3,))
QWEN2_LIKE = Split((QWEN2,))
FALCON = (
    pre_tokenizers.Punctuation("contiguous"),
    pre_tokenizers.ByteLevel(add_prefix_space=False),
    pre_tokenizers.Digits(individual_digits=False),
    "[0-9][0-9][0-9]",
)
SPLITS = {
    **dict.fromkeys(
        ("gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "exaone4", "gigachat", "mellum"), GPT2
    ),
    **dict.fromkeys(("modern-bert", "a.x-4.0", "granite-docling"), GPT2),
    **dict.fromkeys(("jina-es", "jina-de", "jina-v2-es", "jina-v2-de"), GPT2),
    **dict.fromkeys(
        ("smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"),
        SINGLE_DIGITS,
    ),
    "command-r": SINGLE_DIGITS._replace(normalizer=normalizers.NFC),
    **dict.fromkeys(
        ("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"),
        Split((LLAMA3,), ignore_merges=True, bos=True),
    ),
    **dict.fromkeys(("dbrx", "smaug-bpe", "glm4", "chatglm-bpe"), LLAMA3_LIKE),
    **dict.fromkeys(
        ("stablelm2", "megrez", "kormo", "hunyuan", "solar-open", "grok-2"), QWEN2_LIKE
    ),
    **dict.fromkeys(("f2llmv2", "deepseek-r1-qwen"), QWEN2_LIKE),
    "qwen2": QWEN2_LIKE._replace(normalizer=normalizers.NFC),
    "qwen35": Split((QWEN35,), normalizer=normalizers.NFC),
    "tekken": Split((TEKKEN,), ignore_merges=True, bos=True),
    **dict.fromkeys(("gpt-4o", "llama4", "kanana2", "minimax-m2"), Split((GPT_4O,))),
    **dict.fromkeys(("tiny_aya", "cohere2moe"), Split((r"\d{1,3}(?=(?:\d{3})*\b)", GPT_4O))),
    "minicpm5": Split((r"\p{N}{1,3}", LLAMA3.replace("{1,3}", "+")), ignore_merges=True),
    "jais-2": Split((JAIS2,)),
    "seed-coder": Split((SEED_CODER,)),
    **dict.fromkeys(("bailingmoe", "bailingmoe2", "llada-moe"), Split((BAILING,))),
    "exaone-moe": Split((EXAONE_MOE,)),
    **dict.fromkeys(("bloom", "poro-chat", "gpt3-finnish"), Split((BLOOM,))),
    "viking": Split((BLOOM, DIGITS)),
    "falcon": Split(FALCON),
    "deepseek-llm": Split(
        (
            "[\r\n]",
            rf"\s?[{DEEPSEEK_LETTERS}]+",
            r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
            r"\s+$",
            DEEPSEEK_CJK,
            r"\p{N}+",
        )
    ),
    "deepseek-coder": Split(("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_CJK, DIGITS)),
    **dict.fromkeys(
        ("deepseek-v3", "hunyuan-dense", "joyai-llm"),
        Split((r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK_V3)),
    ),
}

# The split of a file without a name, or with llama.cpp's 'default', by its architecture.
BY_ARCHITECTURE = {"gpt2": "gpt-2", "qwen2": "qwen2", "qwen2moe": "qwen2", "qwen3": "qwen2"}
BY_ARCHITECTURE |= {"qwen3moe": "qwen2", "qwen35": "qwen35", "qwen35moe": "qwen35"}
LLAMA3_TOKENS = {"<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>"}


def named_split(fields):
    """The split of a GGUF file.

    Args:
        fields: dict of decoded metadata.

    Returns:
        `(name, Split)`; the architecture's where the file names none.

    Raises:
        InputError: a name that we have no split for, or none and an architecture whose models have
            different ones.
    """
    name = fields.get(FIELD) or "default"
    if name == "default":
        architecture = fields.get("general.architecture")
        if architecture in BY_ARCHITECTURE:
            name = BY_ARCHITECTURE[architecture]
        elif LLAMA3_TOKENS <= set(fields["tokenizer.ggml.tokens"]):
            name = "llama-bpe"
        else:
            raise InputError(
                f"the file does not name its split, in which {architecture!r} models differ",
                field=FIELD,
                remedy=f"convert the model again with a llama.cpp of after May 2024, or {REMEDY}",
            )
    if name not in SPLITS:
        raise InputError(
            f"pre-tokenizer {name!r} is not supported",
            field=FIELD,
            remedy=f"{REMEDY}; supported are {', '.join(sorted(SPLITS))}",
        )
    return name, SPLITS[name]


def pre_tokenizer(split):
    """The `tokenizers` pre-tokenizer of a `Split`."""
    parts = [
        pre_tokenizers.Split(Regex(part), behavior="isolated") if isinstance(part, str) else part
        for part in split.patterns
    ]
    if not any(isinstance(part, pre_tokenizers.ByteLevel) for part in parts):
        parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split.gpt2))
    return pre_tokenizers.Sequence(parts)
