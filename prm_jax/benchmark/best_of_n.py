"""Scoring many candidates of one problem, with their prompt computed once and without.

Both ways read the same token ids and run in turn, after a first run of each that compiles. The
weights are random: they make no difference to the time.
"""

import statistics
import time

import jax
import numpy as np

from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params, step_logit
from prm_jax.progress import Progress
from prm_jax.scoring.discriminative import encoded_logits
from prm_jax.scoring.shared_prefixes import TokenCounts
from prm_jax.text.encode import Encoded

MODEL, CANDIDATES, PROMPT, ANSWER, STEP, PAIRS = "smollm2-135m", 32, 400, 200, 40, 5
SMOKE = ("tiny-llama", 4, 40, 20, 10, 1)
SEED = 0
HEAD_SCALE = 30  # a fresh head says almost the same of every step, which would hide differences


def run(smoke: bool, progress: Progress) -> dict:
    """Measures.

    Args:
        smoke: a tiny model and few short candidates.
        progress: shows the pairs of runs.

    Returns:
        Sizes, tokens, medians of seconds of both ways and of their ratio in a pair, given tokens a
        second, and the largest difference between the step logits of both, in nats.
    """
    sizes = SMOKE if smoke else (MODEL, CANDIDATES, PROMPT, ANSWER, STEP, PAIRS)
    name, n_candidates, n_prompt, n_answer, n_step, n_pairs = sizes
    model = Decoder(PRESETS[name], head=HeadConfig("linear", 2))
    params = init_params(jax.random.key(SEED), model.config, model.head)
    params["head"]["kernel"] = HEAD_SCALE * params["head"]["kernel"]
    encoded = candidates(model.config.vocab_size, n_candidates, n_prompt, n_answer, n_step)
    counts = TokenCounts()

    def timed(**options):
        begun = time.monotonic()
        found = encoded_logits(model, params, encoded, reduce=step_logit, **options)
        return time.monotonic() - begun, np.array(found)

    first_plain, plain = timed()
    first_shared, shared = timed(share_prefixes=True, token_counts=counts)
    seconds = []
    for pair in range(n_pairs):
        progress.update(pair, n_pairs)
        seconds.append((timed()[0], timed(share_prefixes=True)[0]))
    progress.update(n_pairs, n_pairs)
    plain_seconds, shared_seconds = map(statistics.median, zip(*seconds))
    return {
        "model": name,
        "candidates": n_candidates,
        "prompt_tokens": n_prompt,
        "answer_tokens": n_answer,
        "steps": n_answer // n_step,
        "tokens": counts.given,
        "distinct_tokens": counts.computed,
        "pairs": n_pairs,
        "packed_seconds": round(plain_seconds, 4),
        "shared_seconds": round(shared_seconds, 4),
        "packed_tokens_per_second": round(counts.given / plain_seconds),
        "shared_tokens_per_second": round(counts.given / shared_seconds),
        "speedup": round(statistics.median(p / s for p, s in seconds), 3),
        "packed_first_seconds": round(first_plain, 1),
        "shared_first_seconds": round(first_shared, 1),
        "largest_difference": float(abs(plain - shared).max()),
        "standard_deviation_of_logits": float(plain.std()),
    }


def candidates(vocab_size, n_candidates, n_prompt, n_answer, n_step) -> list[Encoded]:
    """Answers of random ids to one prompt, in steps of `n_step` tokens, without labels."""
    rng = np.random.default_rng(SEED)
    prompt = rng.integers(0, vocab_size, n_prompt)
    ends = np.arange(n_step, n_answer + 1, n_step, dtype=np.int32) + n_prompt
    n_steps = len(ends)
    return [
        Encoded(
            tokens=np.append(prompt, rng.integers(0, vocab_size, n_answer)).astype(np.int32),
            step_positions=ends - 1,
            labels=np.zeros(n_steps, np.float32),
            label_mask=np.zeros(n_steps, bool),
            step_starts=ends - n_step,
            n_steps=n_steps,
        )
        for _ in range(n_candidates)
    ]
