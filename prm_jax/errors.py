"""The one exception for input that a user can correct."""


class InputError(ValueError):
    """Input that a user can correct: says where it is, what is wrong and what to do, in one line.

    Args:
        problem: what is wrong, in a few words.
        file: path of the offending file, if there is one.
        line: line number in that file, counted from 1.
        field: name of the field or configuration key.
        remedy: what the user can do about it.
    """

    def __init__(self, problem, *, file=None, line=None, field=None, remedy=None):
        self.problem, self.file, self.line, self.field, self.remedy = (
            problem,
            file,
            line,
            field,
            remedy,
        )
        place = "" if file is None else f"{file}:" + ("" if line is None else f"{line}:") + " "
        name = "" if field is None else f"field '{field}': "
        advice = "" if remedy is None else f"; {remedy}"
        parts = (place, cut(name, LONGEST_FIELD), cut(problem, LONGEST_PROBLEM), advice)
        super().__init__(one_line("".join(parts)))

    def advised(self, remedy):
        """The same error with one more remedy."""
        remedy = remedy if self.remedy is None else f"{self.remedy}, or {remedy}"
        return InputError(
            self.problem, file=self.file, line=self.line, field=self.field, remedy=remedy
        )


LONGEST_FIELD, LONGEST_PROBLEM = 200, 800


def one_line(text) -> str:
    """A text for a terminal: white space as single blanks, and what is not printable, such as the
    beginning of a terminal's commands or marks that turn text around, as Python writes it."""
    text = " ".join(str(text).split())
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text, longest) -> str:
    """A text without its middle where it is longer: messages quote input of any length."""
    text = str(text)
    return text if len(text) <= longest else f"{text[: longest - 60]} ... {text[-50:]}"


def few(names, most=3) -> str:
    """The first names and how many more there are, so that a message stays one short line."""
    names = [str(name) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
