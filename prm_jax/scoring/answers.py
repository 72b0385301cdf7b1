"""When two final answers are the same answer.

An answer is read as a whole (`answer_grammar`), and two are the same if what they say is: numbers
by their exact value, lists in order, sets in any order, words as text. Formulas are compared by
sympy in a child process, which is given the formula that was read and never the text. What cannot
be read to its end, and a comparison that takes longer than TIMEOUT_S, makes an answer equal to its
own text only. docs/answers.md has the rules.

Sameness is not transitive where an answer says less than another: 5 is the same as 5 cm and as
5 km. A class is therefore what equals its *first* answer: an answer joins the first class whose
first answer it equals.
"""

import functools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from prm_jax.child import Child, ChildError
from prm_jax.scoring.answer_grammar import read
from prm_jax.scoring.answer_text import clean
from prm_jax.scoring.answer_units import unit
from prm_jax.scoring.answer_values import (
    Choice,
    Combined,
    Date,
    Formula,
    Interval,
    Labelled,
    Listed,
    Matrix,
    Quantity,
    Ratio,
    Relation,
    Text,
    Unordered,
    number,
    rational,
    symbols,
)

TIMEOUT_S = 5.0
MAX_BYTES = 4 << 30
WORKER = Path(__file__).with_name("answer_worker.py")
_JUDGE = Child(WORKER, max_bytes=MAX_BYTES, max_reply_bytes=100)
NO_ANSWER = -1
RULE = (
    "read as a whole: numbers by exact value, lists in order, sets in any order, formulas by "
    "sympy, the rest as text (docs/answers.md); an answer joins the first class whose first "
    "answer it equals"
)

_REVERSED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


def same_answer(first: str, second: str) -> bool:
    """Whether two answers are the same by the rules of docs/answers.md; symmetric.

    Args:
        first, second: as they were extracted; '' for no answer, which equals nothing.
    """
    return _same(*sorted((clean(first), clean(second))))


def answer_classes(answers: Sequence[str | None]) -> list[int]:
    """Groups answers that are the same.

    Args:
        answers: one a candidate; None or blank for a candidate without an answer.

    Returns:
        For each answer the number of its class, counted from 0 in order of first appearance;
        NO_ANSWER where there is none.
    """
    classes: list[str] = []
    numbers: dict[str, int] = {"": NO_ANSWER}
    texts = [clean(answer or "") for answer in answers]
    for text in texts:
        if text not in numbers:
            same = (n for n, first in enumerate(classes) if _same(*sorted((first, text))))
            numbers[text] = next(same, len(classes))
            if numbers[text] == len(classes):
                classes.append(text)
    return [numbers[text] for text in texts]


@functools.lru_cache(maxsize=1 << 16)
def _same(first, second):
    if not first or not second:
        return False
    return first == second or _equal(read(first), read(second))


def _equal(first, second):
    """Whether two values are the same; by their kinds."""
    if first is None or second is None:
        return False
    if first == second:
        return not isinstance(first, Formula | Quantity) or _defined(first.node)
    for one, other in ((first, second), (second, first)):
        for kind, rule in _RULES:
            if isinstance(one, kind):
                verdict = rule(one, other)
                if verdict is not None:
                    return verdict
    return False


def _defined(node):
    """Whether a formula has a value as far as arithmetic says: 1/0 has none."""
    if node[0] == "pow" and rational(node[1]) == 0 and (rational(node[2]) or 0) < 0:
        return False
    return all(_defined(part) for part in node[1:] if isinstance(part, tuple))


# Each rule takes a value of its kind and any other, and says whether they are the same; None leaves
# the verdict to the rules that follow.


def _labelled(one, other):
    if isinstance(other, Labelled):
        if one.label == other.label:
            return _equal(one.value, other.value)
        left, right = _as_relation(one), _as_relation(other)
        return left is not None and right is not None and _ask("relations", left, right)
    if isinstance(other, Relation):
        left = _as_relation(one)
        if left is not None:
            return _ask("relations", left, (other.sides, other.signs))
        named = {one.label} == {name for side in other.sides for name in symbols(side)}
        return named and bool(_sets(one.value, other))
    if isinstance(other, Choice):
        return None
    return _equal(one.value, other)


def _as_relation(one):
    if not isinstance(one.value, Formula) or not one.label.isalnum() or len(one.label) > 1:
        return None
    return (("sym", one.label), one.value.node), ("=",)


def _choice(one, other):
    if isinstance(other, Choice):
        alone = one.content is None or other.content is None
        return one.letter == other.letter and (alone or _equal(one.content, other.content))
    if other in (Formula(("sym", one.letter)), Formula(("sym", one.letter.lower()))):
        return True
    return one.content is not None and _equal(one.content, other)


def _quantity(one, other):
    if isinstance(other, Quantity):
        a, b = one.unit, other.unit
        size = a.size / b.size
        alike = a.name == b.name or "percent^1" in (a.name, b.name) and _percent(a) and _percent(b)
        return alike and _nodes(_times(one.node, size), other.node) or _turned(one, other)
    if isinstance(other, Formula):
        if _percent(one.unit) and _nodes(_times(one.node, Fraction(1, 100)), other.node):
            return True
        return _nodes(one.node, other.node) or _same_letters(one, other)
    if isinstance(other, Ratio) or isinstance(other, Text):
        return False
    return None


def _percent(measure):
    """Whether a unit is a percentage, also one of something: 5% interest."""
    return measure.name.split(" ")[0] == "percent^1"


def _times(node, size):
    return node if size == 1 else ("mul", number(size), node)


def _turned(one, other):
    """An angle in degrees and one in radians; pounds that are money and pounds."""
    if {one.unit.name, other.unit.name} == {"sterling^1", "gram^1"}:  # pounds of either kind
        weighed = one if one.unit.name == "gram^1" else other
        return weighed.unit == unit("pound") and _nodes(one.node, other.node)
    if {one.unit.name, other.unit.name} != {"degree^1", "radian^1"}:
        return False
    degrees, radians = (one, other) if one.unit.name == "degree^1" else (other, one)
    return _nodes(("degree", degrees.node), radians.node)


def _same_letters(one, other):
    """5 m, read as metres, and 5m, read as a product."""
    letter = {"metre^1": "m", "gram^1": "g", "second^1": "s", "litre^1": "L"}.get(one.unit.name)
    return letter is not None and other.node == ("mul", one.node, ("sym", letter))


def _list(one, other):
    if isinstance(other, Listed):
        bounds = {one.brackets, other.brackets}
        if len(one.items) == 2 and "[]" in bounds and len(bounds) > 1:
            return False
        return len(one.items) == len(other.items) and all(map(_equal, one.items, other.items))
    if isinstance(other, Unordered) and not one.brackets and not _as_set(other):
        return _as_sets(one.items, other.items)
    if isinstance(other, Matrix):
        column = [row[0] for row in other.rows]
        formulas = all(isinstance(item, Formula) for item in one.items)
        if other.determinant or len(other.rows[0]) > 1 or not formulas or one.brackets == "[]":
            return False
        return len(column) == len(one.items) and all(
            _nodes(item.node, cell) for item, cell in zip(one.items, column)
        )
    return None


def _as_sets(first, second):
    """Whether each thing of either collection is in the other."""
    return all(
        any(_equal(item, other) for other in others)
        for items, others in ((first, second), (second, first))
        for item in items
    )


def _unordered(one, other):
    if isinstance(other, Unordered):
        return _as_sets(one.items, other.items) or (_sets(one, other) or False)
    if isinstance(other, Formula | Quantity | Text):
        return len(one.items) == 1 and _equal(one.items[0], other)
    return None


def _matrix(one, other):
    if isinstance(other, Matrix):
        shapes = [(len(m.rows), len(m.rows[0]), m.determinant) for m in (one, other)]
        return shapes[0] == shapes[1] and all(
            _nodes(a, b) for row, of in zip(one.rows, other.rows) for a, b in zip(row, of)
        )
    return None


def _relation(one, other):
    if isinstance(other, Relation):
        if _ask("relations", (one.sides, one.signs), (other.sides, other.signs)):
            return True
    if isinstance(other, Formula | Quantity) and one.signs == ("=",):
        left, right = one.sides  # \sin A = 1/2, |z| = 5: of one name, like x = 5
        if left[0] == "fn" and not symbols(right) and not symbols(other.node):
            return _equal(Formula(right), other)
    return _sets(one, other)


def _ratio(one, other):
    if isinstance(other, Ratio):
        if one.clock and other.clock:
            a, b = one.parts, other.parts
            if one.half and other.half:
                return a == b
            if one.half or other.half:  # 3:30 leaves open which half of the day
                return a == b or (a[0] % 12, *a[1:]) == (b[0] % 12, *b[1:]) and _open(one, other)
            return a == b
        parts = [_ratio_nodes(value) for value in (one, other)]
        if one.half or other.half or len(parts[0]) != len(parts[1]):
            return False
        a, b = parts
        if any(_nodes(part, number(0)) for part in (*a, *b)):  # 17:00 is no ratio
            return all(map(_nodes, a, b))
        return all(_nodes(("mul", a[0], b[k]), ("mul", b[0], a[k])) for k in range(1, len(a)))
    if isinstance(other, Formula) and not one.clock and len(one.parts) == 2:
        top, bottom = one.parts
        return _nodes(("mul", top, ("pow", bottom, number(-1))), other.node)
    return None


def _open(one, other):
    """Whether the time without a half of the day is one that a 12-hour clock shows."""
    bare = other if one.half else one
    return 1 <= bare.parts[0] <= 12


def _ratio_nodes(value):
    if not value.clock:
        return value.parts
    hour, minute, second = value.parts
    return tuple(map(number, (hour, minute, second) if second else (hour, minute)))


def _date(one, other):
    return one == other if isinstance(other, Date) else None


def _text(one, other):
    if isinstance(other, Formula) and other.node[0] == "mul":  # "x y" and xy
        letters = all(part[0] in ("sym", "const") for part in other.node[1:])
        return letters and one.text == "".join(part[1] for part in other.node[1:]).lower()
    if isinstance(other, Labelled | Choice | Unordered):
        return None
    return one == other


def _number_set(one, other):
    return _sets(one, other)


def _formula(one, other):
    return _nodes(one.node, other.node) if isinstance(other, Formula) else None


_RULES = (
    (Labelled, _labelled),
    (Choice, _choice),
    (Text, _text),
    (Date, _date),
    (Quantity, _quantity),
    (Ratio, _ratio),
    (Interval, _number_set),
    (Combined, _number_set),
    (Relation, _relation),
    (Listed, _list),
    (Unordered, _unordered),
    (Matrix, _matrix),
    (Formula, _formula),
)


def _sets(one, other):
    """Whether two values are the same set of numbers; None if one of them is no such set."""
    sets = _as_set(one, finite=True), _as_set(other, finite=True)
    if None in sets or not (_as_set(one) or _as_set(other)):
        return None
    if len(_variables(sets)) > 1:
        return False
    return _ask("sets", *sets)


def _variables(tree):
    """Names of the variables whose relations stand in a set."""
    if tree[0] == "relation":
        return {tree[1]}
    return {name for part in tree if isinstance(part, tuple) for name in _variables(part)}


def _as_set(value, finite=False):
    """A set of numbers for the child process; finite ones and (a, b) only if asked for."""
    if isinstance(value, Interval):
        return ("interval", value.low, value.high, value.with_low, value.with_high)
    if isinstance(value, Combined):
        parts = [_as_set(part, finite=True) for part in value.parts]
        return None if None in parts else (value.operation, *parts)
    if isinstance(value, Relation) and value.signs != ("=",):
        names = {name for side in value.sides for name in symbols(side)}
        if len(names) == 1 and "=" not in value.signs:
            pairs = zip(value.sides, value.signs, value.sides[1:])
            return ("intersection", *(("relation", *names, *pair) for pair in pairs))
        return None
    if isinstance(value, Unordered | Listed) and value.items:
        items = value.items
        if (
            all(isinstance(item, Relation) for item in items)
            and getattr(value, "brackets", "") == ""
        ):
            parts = [_as_set(item) for item in items]
            operation = "union" if isinstance(value, Unordered) else "intersection"
            return None if None in parts else (operation, *parts)
    if finite and isinstance(value, Unordered):
        if all(isinstance(item, Formula) for item in value.items):
            return ("points", *(item.node for item in value.items))
    if finite and isinstance(value, Listed) and value.brackets == "()" and len(value.items) == 2:
        if all(isinstance(item, Formula) for item in value.items):
            return ("interval", *(item.node for item in value.items), False, False)
    return None


def _nodes(first, second):
    """Whether two formulas have the same value."""
    values = rational(first), rational(second)
    if None not in values:
        return values[0] == values[1]
    if first == second:
        return _defined(first)
    if not (_defined(first) and _defined(second)):
        return False
    return _ask("formulas", first, second)


def _ask(kind, first, second):
    try:
        return bool(_JUDGE.ask([kind, *sorted((first, second), key=repr)], TIMEOUT_S))
    except ChildError:
        return False
