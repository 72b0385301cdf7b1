"""A solution's text to its steps.

Every rule only cuts: the steps are parts of the text in their order, and what lies between, before
and after them is white space. No character that is not white space is lost or changed.
"""

import re

from prm_jax.errors import InputError

# A header keeps its marks of emphasis: "## Step 3: Solve", "**Step 3.** Solve".
STEP_HEADER = re.compile(
    r"^[ \t]*(?:[#*_>\-]+[ \t]*)?Step[ \t]+\d+\b", re.IGNORECASE | re.MULTILINE
)
SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9$\\])|\n+")
ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|cf|vs|etc|approx|resp|eq|eqs|fig|no|mr|mrs|ms|dr|prof|st|[A-Z])\.\s+$",
    re.IGNORECASE,
)


LONGEST = 8  # characters of an abbreviation and what shows that it is a word of its own


def segment(text, rule="paragraphs"):
    """Cuts a solution into steps.

    Args:
        text: the solution.
        rule: 'lines', 'paragraphs' (at blank lines), 'step_n' (before headers such as "Step 3:" at
            the start of a line; what precedes the first is a step) or 'sentences' (also at line
            ends; a period within a number or after a common abbreviation ends none).

    Returns:
        list of str without white space at their ends, none empty; empty if the text is blank.

    Raises:
        InputError: the rule is unknown.
    """
    if rule not in RULES:
        raise InputError(
            f"unknown rule {rule!r}", field="segment", remedy=f"one of {', '.join(RULES)}"
        )
    cuts = [0, *RULES[rule](text), len(text)]
    pieces = (text[start:end].strip() for start, end in zip(cuts, cuts[1:]))
    return [piece for piece in pieces if piece]


def _lines(text):
    return [match.end() for match in re.finditer(r"\n", text)]


def _paragraphs(text):
    return [match.end() for match in re.finditer(r"\n[^\S\n]*\n\s*", text)]


def _step_headers(text):
    return [match.start() for match in STEP_HEADER.finditer(text)]


def _sentences(text):
    return [
        match.end()
        for match in SENTENCE_END.finditer(text)
        if "\n" in match.group()
        or not ABBREVIATION.search(text[max(0, match.start() - LONGEST) : match.end()])
    ]


RULES = {
    "lines": _lines,
    "paragraphs": _paragraphs,
    "step_n": _step_headers,
    "sentences": _sentences,
}
