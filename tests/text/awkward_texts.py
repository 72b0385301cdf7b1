"""300 strings that tokenizers read in different ways, made by program."""

import random

PARTS = (
    "0 7 12 3.14 1,000,000 1e-5 12345678901234567890 -1 ½ ² ٣٤ 一二三 0x1F 10% $5 #3 1/2",
    "x^2 \\frac{1}{2} \\boxed{42} $a_{ij}$ \\\\ \\(x\\) \\[y\\] {} & \\sum_{i=1}^n \\alpha\\beta",
    "don't I'LL we've CAN'T 'tis it’s “quoted” « x » — – … · • ™ © ° § ¶ † ‰ € ¥ £",
    "été e\u0301te\u0301 naïve Å A\u030a ﬁ ｆｕｌｌ ß ẞ İ ı ǆ Ω Ω K",
    "日本語 你好，世界。 한국어 Привет γειά שלום مرحبا हिन्दी ไทย ქართული Ṽ ा ्",
    "def f(x): return x**2 if x!=None else [] # no // yes /* c */ a=>b a->b a::b <html> </p> &amp;",
    "<s> </s> <unk> <pad> <|im_start|> <|im_end|> <extra_0> <bos> <think> </think> [INST] <0x41>",
    "ки + - Step 1: ## ** __ -- == != <= >= ... ,,, ;;; :) \u202e \u200b \ufeff \u00ad \u2060",
)
SPACES = (
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\n\n",
    "\n\n\n",
    "\r\n",
    "\r",
    " \n",
    "\n ",
    "\t\n\t",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u2028",
    "\x0b",
    "\x0c",
    "",
)
WHOLE = (
    "",
    " ",
    "  ",
    "\n",
    "\t",
    "\r\n",
    " a",
    "a ",
    " a ",
    "  a  ",
    "\na\n",
    "a\n\nb",
    "a \n b",
    "▁",
    "▁a",
    "a▁b",
    " ▁ ",
    "Ġ",
    "Ċ",
    "ĠaĊ",
    "🙂",
    "👩‍👧‍👦",
    "🇩🇪",
    "\U0001f9ee x",
    "a" * 70,
    "ab" * 40,
    " " * 33,
    "\n" * 17,
    "1" * 25,
    "." * 20,
    "<" * 5 + "|" + ">" * 5,
    "<s><s>",
    "<extra_0><extra_0>",
    " <extra_0> ",
    "x<extra_0>\n",
    "<extra_0",
    "extra_0>",
    "< s >",
)


def awkward_texts(count=300):
    """The strings, the same on every call; the first are the short ones in WHOLE."""
    draw = random.Random(0)
    words = [word for line in PARTS for word in line.split()]
    texts = list(dict.fromkeys((*WHOLE, *words)))[: count - 100]
    while len(texts) < count:
        pieces = draw.choices(words, k=draw.randint(2, 9))
        text = "".join(piece + draw.choice(SPACES) for piece in pieces)
        texts.append(draw.choice(("", "", " ", "\n")) + text)
    return texts
