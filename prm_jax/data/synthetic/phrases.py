"""Wording that is the same for right and wrong steps and for every family."""

from prm_jax.data.synthetic.family import choose

REMARK_RATE = 0.15
OPENINGS = ("Next.", "Carefully now.", "On to the next one.", "Good.", "OK.")
CLOSINGS = ("So far so good.", "Nothing odd here.", "Let us go on.", "That settles it.", "Fine.")
CHECKS = ("Wait, let me check:", "Let me check that again:", "To verify:")
CONFIRMATIONS = ("that is right.", "as before.", "so that holds.")
REPAIRS = ("so the last step was wrong.", "which corrects the last step.", "not what I had.")
ANSWERS = ("The answer is {}.", "So the answer is {}.", "Answer: {}.")


def remark(rng, text):
    """The step, now and then with a remark before or after it that says nothing about it."""
    place = rng.random()
    opening, closing = choose(rng, OPENINGS), choose(rng, CLOSINGS)
    if place < REMARK_RATE / 2:
        return f"{opening} {text}"
    return f"{text} {closing}" if place < REMARK_RATE else text


def recheck(rng, clause, repairs):
    """A step that goes over the one before it and confirms it, or says that it was wrong."""
    opening, verdict = choose(rng, CHECKS), choose(rng, REPAIRS if repairs else CONFIRMATIONS)
    return f"{opening} {clause}, {verdict}"


def answer(rng, text):
    """The step that states the answer."""
    return choose(rng, ANSWERS).format(text)
