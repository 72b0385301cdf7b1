"""Whether two sets share problems: word for word, or nearly so.

Problems are compared as `normalize` writes them. Two of them are near duplicates if the sets of
their character n-grams have a Jaccard similarity of at least a threshold. A changed digit changes
five n-grams: 200 characters keep a similarity of 191/201, 20 characters only of 11/21. So a very
short problem with another number is not near; problems made from one long template are.

Near pairs are found exactly, not by sampling. Two filters leave few pairs to compare, and none of
the similar ones is lost: a similar pair shares at least one of the rarest n-grams of either side
(prefix filtering: Bayardo, Ma and Srikant, "Scaling up all pairs similarity search", 2007), and its
bitmaps differ in no more bits than the n-grams that it does not share (Sandes, Teodoro and Melo,
"Bitmap filter: speeding up exact set similarity joins with bitwise operations", 2020).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.records import Trajectory

NGRAM = 5
THRESHOLD = 0.7
BITS = 512  # of a bitmap
CHUNK = 4096  # pairs that are compared at once
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
LATEX_SPACE = re.compile(r"\\\\|\\(?:[,;:!> ]|(?:quad|qquad|left|right|displaystyle)(?![a-z]))|~")
LATEX_DELIMITER = re.compile(r"\\[()\[\]$]|\$")
LATEX_FRACTION = re.compile(r"\\[dt]frac(?![a-z])")
AROUND_SIGNS = re.compile(r"\s*([^\w\s]|_)\s*")


def normalize(text: str) -> str:
    r"""A problem's text without what only formats it.

    In this order: Unicode NFKC (a full-width digit is a digit, a superscript is one too); case
    folding; LaTeX commands that only space (`\,` `\;` `\:` `\!` `\quad` `~` `\\`) or size (`\left`,
    `\right`, `\displaystyle`) give way to a space, marks of mathematics (`$`, `\(`, `\[`) and the
    dollar sign to nothing, `\dfrac` and `\tfrac` become `\frac`; white space is dropped beside a
    sign and is one space between words and numbers. Punctuation and numbers stay.
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    text = LATEX_SPACE.sub(" ", text)
    text = LATEX_DELIMITER.sub("", text)
    text = LATEX_FRACTION.sub(r"\\frac", text)
    text = " ".join(text.split())  # first, since signs are looked for beside every run of blanks
    return " ".join(AROUND_SIGNS.sub(r"\1", text).split())


def near_pairs(first: Sequence[str], second: Sequence[str], threshold: float = THRESHOLD):
    """The pairs of similar texts, one of each side.

    Args:
        first, second: normalised texts.
        threshold: least Jaccard similarity of the character n-grams, in (0, 1].

    Returns:
        list of `(i, j, similarity)` for first[i] and second[j], in order; equal texts among them.

    Raises:
        InputError: for another threshold.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"{threshold} is not in (0, 1]", field="threshold")
    if not first or not second:
        return []
    grams = [_ngrams(text) for text in (*first, *second)]
    sizes = np.array([len(gram) for gram in grams])
    _, ids, counts = np.unique(np.concatenate(grams), return_inverse=True, return_counts=True)
    # Numbered from the rarest on, so that a sorted text begins with its rarest n-grams.
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    texts = [np.sort(part) for part in np.split(rank[ids], np.cumsum(sizes)[:-1])]
    pairs: list = []
    for i, j in _candidates(texts, len(first), threshold):
        shared = _n_shared(texts, i, j, len(counts))
        similarity = shared / (sizes[i] + sizes[j] - shared)
        # A similarity that is the threshold itself must not fall to rounding.
        enough = similarity >= threshold - 1e-9
        pairs += zip(i[enough], j[enough] - len(first), similarity[enough])
    return sorted((int(i), int(j), float(similarity)) for i, j, similarity in pairs)


def compare(
    first: Iterable[str],
    second: Iterable[str],
    threshold: float = THRESHOLD,
    n_examples: int = 5,
) -> dict:
    """Counts the problems that two sets share.

    Args:
        first, second: problem texts; one problem may occur many times.
        threshold: as in `near_pairs`.
        n_examples: how many pairs of texts to show of each kind.

    Returns:
        JSON-able dict: `threshold`; `first` and `second`, each with the numbers of `rows`, of
        different `problems`, of those that are `exact` duplicates of one on the other side, and of
        those that are `near` one without being exact; `examples` of `exact` (texts, normalised) and
        `near` (`first`, `second`, `similarity`, the most similar ones).
    """
    texts = [[normalize(problem) for problem in problems] for problems in (first, second)]
    left, right = (sorted(set(side)) for side in texts)
    exact = set(left) & set(right)
    near = [
        (left[i], right[j], similarity)
        for i, j, similarity in near_pairs(left, right, threshold)
        if left[i] != right[j]
    ]
    sides = [
        {
            "rows": len(rows),
            "problems": len(set(rows)),
            "exact": len(exact),
            "near": len({pair[side] for pair in near} - exact),
        }
        for side, rows in enumerate(texts)
    ]
    most_similar = sorted(near, key=lambda pair: (-pair[2], pair))[:n_examples]
    return {
        "threshold": threshold,
        "first": sides[0],
        "second": sides[1],
        "examples": {
            "exact": sorted(exact)[:n_examples],
            "near": [
                {"first": a, "second": b, "similarity": round(similarity, 4)}
                for a, b, similarity in most_similar
            ],
        },
    }


def remove_duplicates(
    trajectories: Sequence[Trajectory], against: Iterable[str], threshold: float | None = None
):
    """Leaves out the trajectories at problems of another set, such as a benchmark.

    Args:
        trajectories: sequence of `Trajectory`.
        against: the other set's problem texts.
        threshold: leave near duplicates out as well, as in `near_pairs`; None for equal texts only.

    Returns:
        `(kept, removed)`, lists in the order given.
    """
    texts = [normalize(trajectory.problem) for trajectory in trajectories]
    others = sorted({normalize(problem) for problem in against})
    unique = sorted(set(texts))
    found = set(unique) & set(others)
    if threshold is not None:
        found |= {unique[i] for i, _, _ in near_pairs(unique, others, threshold)}
    kept = [trajectory for trajectory, text in zip(trajectories, texts) if text not in found]
    removed = [trajectory for trajectory, text in zip(trajectories, texts) if text in found]
    return kept, removed


def _ngrams(text):
    """The different character n-grams of a text as 64-bit hashes; a shorter text is one itself."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    codes = np.pad(codes, (0, max(0, NGRAM - len(codes))))
    hashes = np.zeros(len(codes) - NGRAM + 1, np.uint64)
    for shift in range(NGRAM):
        hashes = (hashes ^ codes[shift : shift + len(hashes)]) * MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    return np.unique(hashes)


def _candidates(texts, n_first, threshold):
    """Yields arrays `(i, j)` of pairs that both filters let pass."""
    sizes = np.array([len(text) for text in texts])
    n_prefix = sizes - np.ceil(threshold * sizes - 1e-9).astype(int) + 1
    owners: dict[int, list[int]] = {}
    for j in range(n_first, len(texts)):
        for gram in texts[j][: n_prefix[j]].tolist():
            owners.setdefault(gram, []).append(j - n_first)
    arrays = {gram: np.array(found) for gram, found in owners.items()}
    bitmaps = _bitmaps(texts)
    differ = (1 - threshold) / (1 + threshold)  # share of the n-grams of both texts
    lefts: list[np.ndarray] = []
    rights: list[np.ndarray] = []
    n_pending = 0
    for i in range(n_first):
        shares = np.zeros(len(texts) - n_first, bool)
        for gram in texts[i][: n_prefix[i]].tolist():
            if gram in arrays:
                shares[arrays[gram]] = True
        j = n_first + np.flatnonzero(shares)
        bits = np.bitwise_count(bitmaps[:, j] ^ bitmaps[:, i, None]).sum(0, dtype=np.int64)
        j = j[bits <= differ * (sizes[i] + sizes[j]) + 1e-9]
        lefts.append(np.full(len(j), i))
        rights.append(j)
        n_pending += len(j)
        if n_pending >= CHUNK:
            yield np.concatenate(lefts), np.concatenate(rights)
            lefts, rights, n_pending = [], [], 0
    if n_pending:
        yield np.concatenate(lefts), np.concatenate(rights)


def _bitmaps(texts):
    """BITS bits a text, as columns of 64-bit words: each n-gram flips one bit."""
    bits = [np.packbits(np.bincount(text % BITS, minlength=BITS) & 1) for text in texts]
    return np.array(bits).view(np.uint64).T.copy()


def _n_shared(texts, i, j, n_grams):
    """The number of n-grams that the texts of each pair have in common."""

    def keys(side):
        pair = np.repeat(np.arange(len(side)), [len(texts[k]) for k in side])
        return pair * n_grams + np.concatenate([texts[k] for k in side])

    both = np.intersect1d(keys(i), keys(j), assume_unique=True)
    return np.bincount(both // n_grams, minlength=len(i))
