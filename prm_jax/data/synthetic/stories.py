"""The stories of word problems: how the quantity changes in each, and facts that do not matter."""

from typing import NamedTuple

from prm_jax.data.synthetic.family import choose

NAMES = ("Ava", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")


class Story(NamedTuple):
    """One setting; `more` and `fewer` are for a number and for a number of something with a rate.

    Fields:
        start, question: the first and the last sentence.
        more, fewer: (a single amount, a product).
    """

    start: str
    more: tuple[str, str]
    fewer: tuple[str, str]
    question: str


STORIES = (
    Story(
        "In {name}'s shop there are {n} apples.",
        ("Then {a} apples are delivered.", "Then {a} crates of {b} apples each are delivered."),
        ("Then {a} apples are sold.", "Then {a} bags of {b} apples each are sold."),
        "How many apples are in the shop after that?",
    ),
    Story(
        "There are {n} books in the library where {name} works.",
        ("Readers return {a} books.", "Then {a} boxes of {b} new books each arrive."),
        ("Readers borrow {a} books.", "Then {a} classes of pupils borrow {b} books each."),
        "How many books does the library hold in the end?",
    ),
    Story(
        "On {name}'s account there are {n} dollars.",
        ("{name} earns {a} dollars.", "{name} works {a} hours for {b} dollars an hour."),
        ("{name} spends {a} dollars.", "{name} buys {a} tickets at {b} dollars each."),
        "How many dollars are left on the account?",
    ),
    Story(
        "A water tank holds {n} liters when {name} looks.",
        ("Rain adds {a} liters.", "A pump fills it for {a} minutes at {b} liters a minute."),
        ("The plants take {a} liters.", "A leak drains it for {a} minutes at {b} liters a minute."),
        "How many liters does the tank hold at last?",
    ),
)
FACTS = (
    "It is page {n} of the exercise book.",
    "The neighbor of {name} is {n} years old.",
    "It is {n} degrees outside.",
    "The next town is {n} km away.",
    "{name} lives at number {n}.",
)


def tell(rng, start: int, operations, facts) -> str:
    """The text of a word problem.

    Args:
        rng: chooses story, name, facts and their places.
        start: the quantity at first.
        operations: (sign, a, b) each, `b` None for a single amount.
        facts: numbers that do not matter.
    """
    story, name = choose(rng, STORIES), choose(rng, NAMES)
    sentences = [
        (story.more if sign == "+" else story.fewer)[b is not None].format(a=a, b=b, name=name)
        for sign, a, b in operations
    ]
    sentences.insert(0, story.start.format(n=start, name=name))
    for form, number in zip(rng.permutation(FACTS)[: len(facts)], facts):
        place = int(rng.integers(len(sentences) + 1))
        sentences.insert(place, str(form).format(n=number, name=name))
    return " ".join((*sentences, story.question))
