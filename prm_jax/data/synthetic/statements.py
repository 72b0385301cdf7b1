"""What knights and knaves say about each other."""

from typing import NamedTuple

KINDS = ("knight", "knave")
OTHER = {"knight": "knave", "knave": "knight"}


class Statement(NamedTuple):
    """A statement about one person or two.

    Fields:
        form: 'is', 'same' (kind), 'different', 'and' or 'or'.
        parts: (person, the kind that is said, '' where none is) pairs.
    """

    form: str
    parts: tuple[tuple[str, str], ...]


TEXTS = {
    "is": "{} is a {}",
    "same": "{} and {} are of the same kind",
    "different": "{} and {} are of different kinds",
    "and": "{} is a {} and {} is a {}",
    "or": "{} is a {} or {} is a {}",
}
CONFUSED = {"same": "different", "different": "same", "and": "or", "or": "and"}


def worded(statement: Statement) -> str:
    """The statement in words."""
    return TEXTS[statement.form].format(
        *(word for part in statement.parts for word in part if word)
    )


def holds(statement: Statement, kinds) -> bool:
    """Whether the statement is true if people are of these kinds."""
    people = [person for person, _ in statement.parts]
    fits = [kinds[person] == kind for person, kind in statement.parts]
    match statement.form:
        case "same" | "different":
            same = kinds[people[0]] == kinds[people[1]]
            return same == (statement.form == "same")
        case "or":
            return any(fits)
    return all(fits)


def misquoted(statement: Statement) -> Statement:
    """The statement with the other kind, or the other conjunction, in it."""
    if statement.form != "is":
        return statement._replace(form=CONFUSED[statement.form])
    ((person, kind),) = statement.parts
    return statement._replace(parts=((person, OTHER[kind]),))
