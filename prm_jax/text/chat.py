"""Chat templates, rendered so that the contents of messages stay separate from the template's own
text.

A template is rendered with placeholders for the contents. What lies between them is the
template's own text, in which special tokens count; contents are tokenised on their own and never
become special tokens. What a template cuts out of contents, as Qwen3's does with the reasoning of
earlier turns, so stays in: steps are scored as they are. White space that it strips is stripped.
"""

import functools
import re

from prm_jax.errors import InputError
from prm_jax.text.template_sandbox import render

MARKER = re.compile(r"<[|｜][^<>|｜\s]+[|｜]>|<(?:start|end)_of_turn>|</?s>")
BLANK = "\u2003"  # an em space: white space to Python and Jinja


def template_pieces(tokenizer, messages, *, plain_markers=False):
    """Splits a rendered conversation into the template's text and the places of the contents.

    Args:
        tokenizer: `Tokenizer` with a chat template.
        messages: list of `{'role': str, 'content': str}`.
        plain_markers: whether markers such as `<|user|>` that are no tokens are text.

    Returns:
        `(texts, contents)`: `len(messages) + 1` texts of the template, around the contents as the
        template uses them (some templates strip them).

    Raises:
        InputError: there is no template, it fails, it does not print every message once and in
            order, or it prints a marker that is no token.
    """
    if tokenizer.chat_template is None:
        raise InputError(
            "the tokenizer has no chat template", remedy="use a plain convention such as 'trl'"
        )
    roles = tuple(message["role"] for message in messages)
    special = tuple(sorted(tokenizer.special.items()))
    texts, strips = _layout(tokenizer.chat_template, special, roles)
    contents = [
        message["content"].lstrip(before).rstrip(after)
        for message, (before, after) in zip(messages, strips)
    ]
    if not plain_markers:
        require_markers(tokenizer, texts)
    return list(texts), contents


def require_markers(tokenizer, texts):
    """Raises `InputError` if a marker such as `<|im_start|>` in a template's texts is no token.

    It would be cut into pieces of text, which the model has not seen there.
    """
    for marker in dict.fromkeys(mark for text in texts for mark in MARKER.findall(text)):
        if tokenizer.token_id(marker) is None:
            raise InputError(
                f"the chat template prints {marker!r}, which is no token of the vocabulary",
                field="chat_template",
                remedy="save the tokenizer with its added tokens; if the model was trained with "
                'the marker as text, set "plain_markers": true in the convention',
            )


@functools.lru_cache(maxsize=1024)
def _layout(source, special, roles):
    """The template's texts around messages, and which characters it strips on both sides of each.

    Contents are rendered with a blank on both sides, which shows whether white space is stripped,
    and with line breaks around that, which shows whether only these are. The blank is one that no
    template prints itself: its own before a stripped message would be taken for ours.
    """
    marks = [f"\u2402m{index}M\u2403" for index in range(len(roles))]

    def pieces(around):
        messages = [
            {"role": role, "content": f"{around}{BLANK}{mark}{BLANK}{around}"}
            for role, mark in zip(roles, marks)
        ]
        return _between(render(source, dict(special), messages), marks, roles)

    texts, blanks = pieces("")
    broken, _ = pieces("\n")
    strips = [[None if not kept else "" for kept in pair] for pair in blanks]
    for index, (text, with_breaks) in enumerate(zip(texts, broken)):
        # What the message before and the one after left of their line breaks in this text.
        if "\\n" + text == with_breaks[:-2] or text + "\\n" == with_breaks:
            raise InputError(
                f"the chat template prints the {roles[max(index - 1, 0)]} message as JSON",
                remedy="use a plain convention",
            )
        for before, after in ((1, 1), (0, 1), (1, 0), (0, 0)):
            if "\n" * before + text + "\n" * after == with_breaks:
                break
        else:
            continue
        if index > 0 and not before and strips[index - 1][1] == "":
            strips[index - 1][1] = "\n"
        if index < len(roles) and not after and strips[index][0] == "":
            strips[index][0] = "\n"
    return tuple(texts), tuple(map(tuple, strips))


def _between(rendered, marks, roles):
    """The texts around marks, and whether the blanks on both sides of each were printed."""
    texts, blanks, rest = [], [], rendered
    for role, mark in zip(roles, marks):
        found = re.search(f"({BLANK}?){mark}({BLANK}?)", rest)
        if found is None or mark in rest[found.end() :]:
            raise InputError(
                f"the chat template does not print the {role} message exactly once",
                remedy="set the convention's system message to null, or use a plain convention",
            )
        texts.append(rest[: found.start()])
        blanks.append([bool(blank) for blank in found.groups()])
        rest = rest[found.end() :]
    return [*texts, rest], blanks
