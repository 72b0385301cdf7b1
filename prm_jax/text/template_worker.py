"""The child process that renders chat templates, which come with checkpoints from anywhere.

Templates know what they know in transformers 5: `{% generation %}`, `{% break %}`,
`raise_exception`, `strftime_now`, `tojson`, the special tokens by their names, `tools` and
`documents` that are None. They run in jinja2's immutable sandbox, and no value may grow without
bounds.
"""

import datetime
import functools
import json
import math
import re
import signal
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox
import jinja2.visitor

# Templates that print today's date get this one, the default of Llama 3's: ids, and so scores, must
# not depend on the day.
DATE = datetime.date(2024, 7, 26)

MOST = 1_000_000
"""Characters of a string, items of a list and the size of a number in a template."""

LONGEST_S = 15
"""Seconds after which this process ends itself, where the one that asked is gone."""


def render(source, special, messages):
    """The text that a template makes of messages.

    Args:
        source: of the template.
        special: dict: names such as 'bos_token' -> text of the token.
        messages: list of `{'role': str, 'content': str}`.

    Returns:
        str.

    Raises:
        jinja2.TemplateError: something in it grows beyond `MOST`.
        Exception: the template fails.
    """
    template = _compile(source)
    parts, length = [], 0
    known = {"tools": None, "documents": None, "add_generation_prompt": False}
    for part in template.generate(special | known | {"messages": messages}):
        length += len(part)
        _bounded(length)
        parts.append(part)
    return "".join(parts)


class Generation(jinja2.ext.Extension):
    """`{% generation %}`, which marks the tokens to train on: here its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


class Joins(jinja2.visitor.NodeTransformer):
    """Writes `a ~ b` as the sum of two strings, which the sandbox can bound."""

    def visit_Concat(self, node):  # noqa: N802 (jinja2 finds it by this name)
        node = self.generic_visit(node)

        def text(part):
            return jinja2.nodes.Filter(part, "string", [], [], None, None, lineno=node.lineno)

        parts = [text(part) for part in node.nodes]
        return functools.reduce(lambda a, b: jinja2.nodes.Add(a, b, lineno=node.lineno), parts)


class Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """jinja2's sandbox, in which no value may grow beyond `MOST`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def _parse(self, source, name, filename):
        return Joins().visit(super()._parse(source, name, filename))

    def call_binop(self, context, operator, left, right):
        """An operation whose result is bounded before it is computed."""
        sizes = [len(value) if hasattr(value, "__len__") else abs(value) for value in (left, right)]
        if operator == "*":
            _bounded(sizes[0] * sizes[1])
        elif operator == "+":
            _bounded(sizes[0] + sizes[1])
        elif operator == "**" and max(sizes) > 1:
            _bounded(sizes[1])
            _bounded(sizes[1] * math.log10(max(sizes[0], 1)), most=300)
        elif operator == "%" and isinstance(left, str):
            _bounded_widths(left)
        return super().call_binop(context, operator, left, right)

    def call(self, context, called, *args, **kwargs):
        """A call with no number beyond the bound, of a text that cannot multiply."""
        _bounded_arguments([*args, *kwargs.values()])
        owner = getattr(getattr(called, "__wrapped__", called), "__self__", None)
        if isinstance(owner, str) and called.__name__ in ("replace", "join", "format", "translate"):
            _bounded((len(owner) + 1) * (1 + sum(map(_size, args))))
            _bounded_widths(owner if called.__name__ == "format" else "")
        return super().call(context, called, *args, **kwargs)


def _size(value):
    return len(value) if hasattr(value, "__len__") else 1


def _bounded(size, most=MOST):
    if size > most:
        raise jinja2.TemplateError(f"a value of it is larger than {most:,}")


def _bounded_arguments(values):
    for value in values:
        if isinstance(value, int | float):
            _bounded(abs(value))


def _bounded_widths(template):
    for digits in re.findall(r"\d+", template):
        _bounded(int(digits[:20]))


@functools.lru_cache(maxsize=16)
def _compile(source):
    def fail(message):
        raise jinja2.TemplateError(message)

    def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = to_json
    for name in ("center", "indent", "wordwrap", "batch", "slice", "replace", "format"):
        environment.filters[name] = _bounded_filter(environment.filters[name])
    environment.globals["raise_exception"] = fail
    environment.globals["strftime_now"] = DATE.strftime
    return environment.from_string(source)


def _bounded_filter(function):
    @functools.wraps(function)  # also what jinja2 passes it besides
    def bounded(*args, **kwargs):
        _bounded_arguments([*args, *kwargs.values()])
        texts = [value for value in args if isinstance(value, str)]
        _bounded(math.prod(len(text) + 1 for text in texts[:1] + texts[2:]))
        return function(*args, **kwargs)

    return bounded


def main():
    """Says true when ready, then answers `[source, special, messages]`: `[text, problem]`."""
    replies, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps(True), file=replies, flush=True)
    for line in sys.stdin:
        signal.alarm(LONGEST_S)
        text = problem = None
        try:
            text = render(*json.loads(line))
        except Exception as error:  # a template may raise whatever Python does
            problem = str(error) or type(error).__name__
        print(json.dumps([text, problem]), file=replies, flush=True)
        signal.alarm(0)


if __name__ == "__main__":
    main()
