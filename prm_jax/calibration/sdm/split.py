"""The rows that a calibration gets: checked, in halves of whole groups, as many of each class.

Whatever is to be compared takes its rows from here, so that the same seed gives all of them the
same two halves.
"""

import numpy as np

from prm_jax.errors import InputError


def check_features(features_ND, width: int | None = None) -> np.ndarray:
    """Features as f32[N,D].

    Raises:
        InputError: they are not finite, or not rows of `width` numbers.
    """
    features_ND = np.asarray(features_ND, np.float32)
    if features_ND.ndim != 2 or (width is not None and features_ND.shape[1] != width):
        wanted = "" if width is None else f" for {width} numbers a row"
        raise InputError(f"features of shape {features_ND.shape}{wanted}", field="features")
    if not np.isfinite(features_ND).all():
        raise InputError("a feature is not finite", field="features")
    return features_ND


def check_rows(features_ND, labels_N, groups_N) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows as arrays.

    Args:
        features_ND: float[N,D].
        labels_N: int[N], classes 0, 1, ...
        groups_N: any[N].

    Returns:
        The same as f32[N,D], i32[N] and an array.

    Raises:
        InputError: shapes that do not fit, features that are not finite, labels that are not
            classes or all the same one, fewer than two rows or groups.
    """
    features, labels, groups = (np.asarray(x) for x in (features_ND, labels_N, groups_N))
    if features.ndim != 2 or labels.shape != (len(features),) or groups.shape != labels.shape:
        raise InputError(
            f"shapes {features.shape}, {labels.shape}, {groups.shape} do not fit",
            field="features, labels, groups",
        )
    if len(features) < 2 or len(np.unique(groups)) < 2:
        raise InputError("there are fewer than two rows or groups", field="groups")
    features = check_features(features)
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or not labels.max():
        raise InputError("labels are not classes 0, 1, ...", field="labels")
    return features, labels.astype(np.int32), groups


def training_and_calibration(
    labels_N, groups_N, *, seed: int, round: int = 0, balance: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The half that is trained on, and the half that calibrates.

    Args:
        labels_N: int[N] in [0, C). groups_N: any[N], what may not be in both halves.
        seed, round: one pair gives one split.
        balance: keep as many rows of each class as the rarest has, in either half.

    Returns:
        Row numbers of both, ascending.

    Raises:
        InputError: a half without a row of some class.
    """
    rng = np.random.default_rng([seed, round])
    train, held = halves(groups_N, rng)
    if balance:
        train, held = balanced(train, labels_N, rng), balanced(held, labels_N, rng)
    for rows in (train, held):
        require_classes(labels_N[rows], int(labels_N.max()) + 1, "a half")
    return train, held


def require_classes(labels_N, n_classes: int, part: str) -> None:
    """Refuses labels that lack a class.

    Raises:
        InputError: names the class, and `part`, what these rows are.
    """
    if missing := set(range(n_classes)) - set(np.asarray(labels_N).tolist()):
        raise InputError(
            f"{part} has no row of class {min(missing)}",
            field="labels",
            remedy="give more groups of it, or another seed",
        )


def halves(groups_N, rng) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows in two, groups whole, as evenly as groups in a random order allow.

    Args:
        groups_N: any[N], the group of each row; at least two.
        rng: numpy Generator.

    Returns:
        Row numbers of both halves, ascending; neither is empty.
    """
    _, group_N, size_G = np.unique(groups_N, return_inverse=True, return_counts=True)
    order = rng.permutation(len(size_G))
    before = np.cumsum(size_G[order]) - size_G[order]
    # A group belongs to the half that its middle falls in.
    second = before + size_G[order] / 2 > len(group_N) / 2
    if second.all():
        second[0] = False
    elif not second.any():
        second[-1] = True
    in_second_N = np.zeros(len(size_G), bool)
    in_second_N[order] = second
    return np.flatnonzero(~in_second_N[group_N]), np.flatnonzero(in_second_N[group_N])


def balanced(rows, labels_N, rng) -> np.ndarray:
    """As many rows of each class as the rarest has, drawn at random.

    Args:
        rows: int[n] row numbers. labels_N: int[N] class of each row.
        rng: numpy Generator.

    Returns:
        Row numbers, ascending.
    """
    classes, counts = np.unique(labels_N[rows], return_counts=True)
    chosen = [rng.choice(rows[labels_N[rows] == c], counts.min(), replace=False) for c in classes]
    return np.sort(np.concatenate(chosen))
