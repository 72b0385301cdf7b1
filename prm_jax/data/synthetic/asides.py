"""Sentences for problems that nobody needs to solve them."""

from prm_jax.data.synthetic.family import choose

RATE = 0.4
NAMES = ("Ava", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
SENTENCES = (
    "This is exercise {n} on the sheet.",
    "{name} was given {n} minutes for it.",
    "{name} found this in a book of {n} pages.",
    "It is worth {n} points.",
    "{name} solved it at the age of {n}.",
)


def with_aside(rng, text):
    """The problem, now and then with a sentence before it that has nothing to do with it.

    Args:
        rng: decides whether, and which.
        text: the problem.
    """
    if rng.random() >= RATE:
        return text
    sentence = choose(rng, SENTENCES).format(name=choose(rng, NAMES), n=int(rng.integers(8, 60)))
    return f"{sentence} {text}"
