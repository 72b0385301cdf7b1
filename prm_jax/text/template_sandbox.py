"""Rendering chat templates, which come with checkpoints from anywhere, in a process of their own.

`template_worker` renders them in jinja2's sandbox with bounds; it is ended where a template takes
longer than TIMEOUT_S.
"""

from pathlib import Path

from prm_jax.child import Child, ChildError
from prm_jax.errors import InputError

TIMEOUT_S = 10.0
MAX_BYTES = 1 << 30
MAX_REPLY_BYTES = 16_000_000  # a million characters of at most 12 bytes of JSON each, and more
WORKER = Path(__file__).with_name("template_worker.py")
_CHILD = Child(WORKER, max_bytes=MAX_BYTES, max_reply_bytes=MAX_REPLY_BYTES)


def render(source, special, messages):
    """The text that a template makes of messages.

    Args:
        source: of the template.
        special: dict: names such as 'bos_token' -> text of the token.
        messages: list of `{'role': str, 'content': str}`.

    Returns:
        str.

    Raises:
        InputError: the template fails, takes longer than TIMEOUT_S or more memory than MAX_BYTES,
            or something in it grows beyond `template_worker.MOST`.
    """
    try:
        text, problem = _CHILD.ask([source, special, messages], TIMEOUT_S)
    except ChildError as error:
        late = f"takes longer than {TIMEOUT_S:g} seconds"
        raise InputError(
            f"the chat template {late if error.late else 'ends the process that renders it'}",
            field="chat_template",
            remedy="use a plain convention, or a template that you trust",
        ) from error
    if problem is not None:
        raise InputError(
            f"the chat template fails: {problem}",
            field="chat_template",
            remedy="set the convention's system message to null if it knows none, or use a plain "
            "convention",
        )
    return text
