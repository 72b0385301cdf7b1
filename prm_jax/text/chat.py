"""Chat templates, rendered so that the contents of messages stay separate from the template's own
text.

A template is rendered once with placeholders for the contents. What lies between them is the
template's own text, in which special tokens count; contents are tokenised on their own and never
become special tokens.
"""

import datetime
import functools
import json
import re

import jinja2
import jinja2.sandbox

from prm_jax.errors import InputError

# Templates that print today's date get this one, the default of Llama 3's: ids, and so scores, must
# not depend on the day.
DATE = datetime.date(2024, 7, 26)


def template_pieces(tokenizer, messages):
    """Splits a rendered conversation into the template's text and the places of the contents.

    Args:
        tokenizer: `Tokenizer` with a chat template.
        messages: list of `{'role': str, 'content': str}`.

    Returns:
        `(texts, contents)`: `len(messages) + 1` texts of the template, around the contents as the
        template uses them (some templates strip them).

    Raises:
        InputError: there is no template, it fails, or it does not print every message once and in
            order.
    """
    if tokenizer.chat_template is None:
        raise InputError(
            "the tokenizer has no chat template", remedy="use a plain convention such as 'trl'"
        )
    marks = [f"\u2402{index}\u2403" for index in range(len(messages))]
    rendered = _render(
        tokenizer,
        [{**message, "content": f" {mark} "} for message, mark in zip(messages, marks)],
    )
    texts, contents, rest = [], [], rendered
    for message, mark in zip(messages, marks):
        found = re.search(f"( ?){mark}( ?)", rest)
        if found is None or mark in rest[found.end() :]:
            raise InputError(
                f"the chat template does not print the {message['role']} message exactly once",
                remedy="set the convention's system message to null, or use a plain convention",
            )
        texts.append(rest[: found.start()])
        content = message["content"]
        content = content if found.group(1) else content.lstrip()
        contents.append(content if found.group(2) else content.rstrip())
        rest = rest[found.end() :]
    return [*texts, rest], contents


def _render(tokenizer, messages):
    try:
        return _compile(tokenizer.chat_template).render(
            messages=messages, add_generation_prompt=False, **tokenizer.special
        )
    except (jinja2.TemplateError, TypeError, ValueError, LookupError) as error:
        raise InputError(f"the chat template fails: {error}") from error


@functools.lru_cache(maxsize=16)
def _compile(source):
    def fail(message):
        raise jinja2.TemplateError(message)

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(
        value, ensure_ascii=False, **options
    )
    environment.globals["raise_exception"] = fail
    environment.globals["strftime_now"] = DATE.strftime
    return environment.from_string(source)
