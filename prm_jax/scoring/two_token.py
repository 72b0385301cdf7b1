"""Step scores from two entries of the vocabulary, whatever head the model has (Math-Shepherd,
arXiv:2312.08935; RLHFlow; Multi-RM)."""

from prm_jax.errors import InputError
from prm_jax.models import HeadConfig
from prm_jax.models.vocabulary import require_unembedding
from prm_jax.scoring.discriminative import score as discriminative


def two_token(*, positive: str = "+", negative: str = "-"):
    """The probability of one next token against another, read at the end of each step.

    Args:
        positive, negative: texts of one token each for right and wrong.

    Returns:
        A scorer.

    Raises:
        InputError: the scorer: a text is not one token, the weights hold no unembedding.
    """

    def score(model, params, tokenizer, trajectories, **options):
        require_unembedding(model.config, params)
        ids = {}
        for role, text in (("positive", positive), ("negative", negative)):
            tokens = tokenizer.encode(text)
            if len(tokens) != 1:
                raise InputError(
                    f"{text!r} is {len(tokens)} tokens of this tokenizer, not one",
                    field=f"two_token.{role}",
                )
            ids[f"{role}_id"] = tokens[0]
        return discriminative(
            model.clone(head=HeadConfig("two_token", **ids)),
            params,
            tokenizer,
            trajectories,
            **options,
        )

    return score
