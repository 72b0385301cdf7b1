"""The SDM estimator: a linear adaptor on features, trained with the SDM loss, and what is needed to
say of new rows whether their prediction can be trusted (arXiv:2509.12760, with the conventions and
the ladder of the nested estimators).

    h' = W1 (h - mean) / std + b1        z = W2 h' + b2

Nothing here knows steps or trajectories: rows are features, labels are classes, groups are what
must not be torn apart, such as the steps of one problem.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from prm_jax.calibration.sdm.activation import SOFTMAX_Q, activation, loss, rescaled_similarity
from prm_jax.calibration.sdm.adaptor import exemplars, initial_adaptor, train_epoch
from prm_jax.calibration.sdm.options import checked
from prm_jax.calibration.sdm.region import (
    NO_REGION,
    TOO_FEW_ROWS,
    Region,
    admits,
    effective_size,
    find_levels,
    ladder_levels,
    why_no_region,
)
from prm_jax.calibration.sdm.similarity import (
    distance_quantile,
    distances_by_class,
    nearest_rows,
    similarity_distance,
)
from prm_jax.calibration.sdm.split import check_features, check_rows, training_and_calibration
from prm_jax.errors import InputError
from prm_jax.progress import Progress


@flax.struct.dataclass
class SDM:
    """A fitted estimator; its fields are arrays, so it is a pytree.

    Fields:
        mean, std: f32[] of all numbers of the training half.
        kernel_DM, bias_M, kernel_MC, bias_C: f32, the adaptor.
        support_KM: f32[K,M] exemplars of the training half. support_label_K, support_pred_K: i32.
        support_row_K: i32[K], the row of the features given to `fit` that each was.
        class_d0, class_rescaled: for each class the ascending distances and rescaled similarities
            of its calibration rows.
        alpha_L, q_min_L, psi_LC, rows_LC: the first region of each level that was looked at, the
            highest first; where a level has none q_min is infinite and rows are 0.
        min_rows: i32[], rows of every class without which a region admits nothing.
        alpha: f32[], accuracy that admission asks for.
        cap: i32[], support rows that are looked at.
        loss: f32[], balanced mean on the calibration half. round, epoch: i32[], where it was least.
    """

    mean: Any
    std: Any
    kernel_DM: Any
    bias_M: Any
    kernel_MC: Any
    bias_C: Any
    support_KM: Any
    support_label_K: Any
    support_pred_K: Any
    support_row_K: Any
    class_d0: tuple
    class_rescaled: tuple
    alpha_L: Any
    q_min_L: Any
    psi_LC: Any
    rows_LC: Any
    min_rows: Any
    alpha: Any
    cap: Any
    loss: Any
    round: Any
    epoch: Any

    @property
    def levels(self) -> list[tuple[float, Region | None, str]]:
        """Each level, its first region or None, and `why_no_region` or ''."""
        found = []
        for alpha, q, psi, rows in zip(self.alpha_L, self.q_min_L, self.psi_LC, self.rows_LC):
            level = round(float(alpha), 6)
            region = None
            if np.isfinite(q):
                region = Region(float(q), np.asarray(psi), np.asarray(rows), level)
            found.append((level, region, why_no_region(region, int(self.min_rows))))
        return found

    @property
    def regions(self) -> list[Region]:
        """The regions that admit, the highest level first."""
        return [region for _, region, why in self.levels if region is not None and not why]


@flax.struct.dataclass
class Prediction:
    """What an SDM says of N rows.

    Fields:
        prediction: i32[N], the class of the largest logit, the lowest of equal ones.
        probability: f32[N,C], the SDM activation. Outside a region it ranks, no more.
        q, d, rescaled: f32[N].
        level: f32[N], alpha of the first region that admits the row, 0 if none does.
        admitted: bool[N], whether that is at least the accuracy asked for.
        admitted_lower: bool[N], the same with distances lowered by their bound.
        n_hat: i32[N,C], calibration rows with at most the row's rescaled similarity.
        ood: bool[N], whether no training row near it agrees (q = 0).
        nearest: i32[N,k], rows of the training features nearest to it.
        reason: str[N], why it is not admitted: 'zero similarity', 'too few rows' (only a region of
            too few calibration rows would admit it), 'no region', 'below the level', or 'admitted'.
    """

    prediction: np.ndarray
    probability: np.ndarray
    q: np.ndarray
    d: np.ndarray
    rescaled: np.ndarray
    level: np.ndarray
    admitted: np.ndarray
    admitted_lower: np.ndarray
    n_hat: np.ndarray
    ood: np.ndarray
    nearest: np.ndarray
    reason: np.ndarray


def fit(features_ND, labels_N, groups_N, *, progress: Progress | None = None, **hyper) -> SDM:
    """Fits an SDM.

    Each round splits the groups in two halves: the adaptor is trained on one, with q and d found
    anew after every epoch, and the other chooses the epoch by its balanced SDM loss and gives the
    regions. The first epoch is softmax cross-entropy.

    Args:
        features_ND: float[N,D].
        labels_N: int[N] in [0, C).
        groups_N: int[N], what may not be in both halves, for instance the problem of a step.
        progress: shows the epochs.
        hyper: values for `options.DEFAULTS`.

    Returns:
        `SDM` of the round with the lowest loss, the later of equal ones.

    Raises:
        InputError: unknown or impossible hyperparameters; features that are not finite or all the
            same; fewer than two rows or groups; a class that one half does not have.
    """
    options = checked(hyper)
    features_ND, labels_N, groups_N = check_rows(features_ND, labels_N, groups_N)
    n_classes = int(labels_N.max()) + 1
    best: SDM | None = None
    if progress:
        progress.begin("fitting", options["rounds"] * options["epochs"])
    for number in range(options["rounds"]):
        parts = training_and_calibration(
            labels_N, groups_N, seed=options["seed"], round=number, balance=options["balance"]
        )
        found = _round(features_ND, labels_N, groups_N, parts, n_classes, number, options, progress)
        if best is None or found.loss <= best.loss:
            best = found
    assert best is not None  # there is at least one round
    return best


def predict(sdm: SDM, features_ND, *, nearest: int = 0, alpha: float | None = None, mesh=None):
    """Predictions of new rows, and whether each can be trusted.

    Args:
        sdm: from `fit`.
        features_ND: float[N,D].
        nearest: number of training rows to name for each row.
        alpha: accuracy that admission asks for; None takes that of the fit.
        mesh: mesh whose devices share the support rows.

    Returns:
        `Prediction`; a row does not depend on the others.

    Raises:
        InputError: features of another width, or not finite.
    """
    features_ND = check_features(features_ND, len(sdm.kernel_DM))
    wanted = np.float32(sdm.alpha if alpha is None else alpha)
    exemplar_NM, logits_NC = _adapted(sdm, features_ND)
    pred_N = logits_NC.argmax(-1).astype(np.int32)
    support = (sdm.support_KM, sdm.support_label_K, sdm.support_pred_K)
    q_N, d0_N = similarity_distance(exemplar_NM, pred_N, *support, cap=int(sdm.cap), mesh=mesh)
    d_N = distance_quantile(d0_N, sdm.class_d0)
    probability_NC, rescaled_N = _probabilities(logits_NC, pred_N, q_N, d_N)
    level_N, lower_N = np.zeros(len(pred_N), np.float32), np.zeros(len(pred_N), np.float32)
    n_hat_NC, _ = effective_size(rescaled_N, sdm.class_rescaled, float(sdm.alpha))
    for region in sdm.regions:
        _, epsilon_N = effective_size(rescaled_N, sdm.class_rescaled, region.alpha)
        lower = _probabilities(logits_NC, pred_N, q_N, np.clip(d_N - epsilon_N, 0, 1))
        for level, (of_NC, of_N) in ((level_N, (probability_NC, rescaled_N)), (lower_N, lower)):
            level[admits(region, of_NC, of_N, pred_N) & (level == 0)] = region.alpha
    few_N = np.zeros(len(pred_N), bool)
    for floor, small, why in sdm.levels:
        if small is not None and why == TOO_FEW_ROWS and np.float32(floor) >= wanted:
            few_N |= admits(small, probability_NC, rescaled_N, pred_N)
    reason_N = np.select(
        [level_N >= wanted, q_N == 0, few_N, level_N == 0],
        ["admitted", "zero similarity", TOO_FEW_ROWS, NO_REGION],
        "below the level",
    )
    rows = (
        nearest_rows(exemplar_NM, sdm.support_KM, nearest) if nearest else np.zeros((len(q_N), 0))
    )
    return Prediction(
        prediction=pred_N,
        probability=probability_NC,
        q=q_N,
        d=d_N,
        rescaled=rescaled_N,
        level=level_N,
        admitted=level_N >= wanted,
        admitted_lower=lower_N >= wanted,
        n_hat=n_hat_NC.astype(np.int32),
        ood=q_N == 0,
        nearest=np.asarray(sdm.support_row_K)[rows.astype(int)],
        reason=reason_N,
    )


def _round(features_ND, labels_N, groups_N, parts, n_classes, number, options, progress) -> SDM:
    """The best epoch of one split."""
    train, held = parts
    mean, std = features_ND[train].mean(), features_ND[train].std(ddof=1)
    if not std > 0:
        raise InputError("all features are the same number", field="features")
    x_train, x_held = ((features_ND[rows] - mean) / std for rows in parts)
    y_train, y_held = (labels_N[rows] for rows in parts)
    key = jax.random.fold_in(jax.random.key(options["seed"]), number)
    params = initial_adaptor(key, features_ND.shape[1], options["width"], n_classes)
    optimizer = optax.adam(options["learning_rate"])
    opt_state = optimizer.init(params)
    q, d = np.full(len(train), SOFTMAX_Q, np.float32), np.ones(len(train), np.float32)
    leave_out = {}
    if options["exclude_groups"]:
        _, group = np.unique(groups_N, return_inverse=True)
        leave_out = dict(query_group_N=group[train], support_group_K=group[train])
    rng = np.random.default_rng([options["seed"], number, 1])
    best: SDM | None = None
    for epoch in range(options["epochs"]):
        order = rng.permutation(len(train))
        missing = -len(train) % options["batch"]
        order = np.append(order, np.full(missing, -1)).reshape(-1, options["batch"])
        data = (x_train, q, d, y_train)
        params, opt_state = train_epoch(params, opt_state, data, order, optimizer=optimizer)
        adaptor = (mean, std, *params)
        h_train, z_train = exemplars(params, x_train)
        h_held, z_held = exemplars(params, x_held)
        pred_train, pred_held = z_train.argmax(-1), z_held.argmax(-1)
        support = (h_train, y_train, pred_train)
        own = np.arange(len(train))
        q, d0 = similarity_distance(
            h_train, pred_train, *support, own, options["cap"] - 1, **leave_out
        )
        d0 = np.where(np.isfinite(d0), d0, np.finfo(np.float32).max)
        d = distance_quantile(d0, distances_by_class(d0, q, y_train, n_classes))
        q_held, d0_held = similarity_distance(h_held, pred_held, *support, cap=options["cap"])
        class_d0 = distances_by_class(d0_held, q_held, y_held, n_classes)
        d_held = distance_quantile(d0_held, class_d0)
        losses = np.asarray(_loss(z_held, q_held, d_held, y_held))
        value = np.mean([losses[y_held == c].mean() for c in range(n_classes)])
        if best is None or value <= best.loss:
            chosen = (z_held, q_held, d_held, pred_held, y_held)
            best = _estimator(
                adaptor, support, train, class_d0, chosen, n_classes, options, value, number, epoch
            )
        if progress:
            done = number * options["epochs"] + epoch + 1
            progress.update(done, numbers=f"balanced loss {value:.4f}")
    assert best is not None  # there is at least one epoch
    return best


def _estimator(
    adaptor, support, train, class_d0, held, n_classes, options, value, number, epoch
) -> SDM:
    """An SDM from the states after an epoch, with its regions."""
    logits, q, d, pred, label = held
    probability, rescaled = _probabilities(logits, pred, q, d)
    levels = ladder_levels(options["ladder"]) if options["ladder"] else [options["alpha"]]
    regions = find_levels(probability, rescaled, label, levels, options["min_rows"], pred_N=pred)
    none = Region(np.inf, np.zeros(n_classes), np.zeros(n_classes, int), 0.0)
    of_levels = [none if region is None else region for region in regions]
    mean, std, kernel_DM, bias_M, kernel_MC, bias_C = adaptor
    return SDM(
        mean=np.float32(mean),
        std=np.float32(std),
        kernel_DM=np.asarray(kernel_DM),
        bias_M=np.asarray(bias_M),
        kernel_MC=np.asarray(kernel_MC),
        bias_C=np.asarray(bias_C),
        support_KM=support[0],
        support_label_K=support[1].astype(np.int32),
        support_pred_K=support[2].astype(np.int32),
        support_row_K=np.asarray(train, np.int32),
        class_d0=class_d0,
        class_rescaled=tuple(np.sort(rescaled[label == c]) for c in range(n_classes)),
        alpha_L=np.array(levels, np.float32),
        q_min_L=np.array([region.q_min for region in of_levels], np.float32),
        psi_LC=np.array([region.psi_C for region in of_levels], np.float32),
        rows_LC=np.array([region.rows_C for region in of_levels], np.int32),
        min_rows=np.int32(options["min_rows"]),
        alpha=np.float32(options["alpha"]),
        cap=np.int32(options["cap"]),
        loss=np.float32(value),
        round=np.int32(number),
        epoch=np.int32(epoch),
    )


def _adapted(sdm, features_ND):
    """Exemplars and logits of features."""
    params = (sdm.kernel_DM, sdm.bias_M, sdm.kernel_MC, sdm.bias_C)
    return exemplars(params, (features_ND - np.float32(sdm.mean)) / np.float32(sdm.std))


def _probabilities(logits_NC, pred_N, q_N, d_N):
    """SDM probabilities, and the rescaled similarity of the prediction."""
    found = _sdm(logits_NC, pred_N, q_N, np.asarray(d_N, np.float32))
    return tuple(np.asarray(x) for x in found)


_loss = jax.jit(loss)


@jax.jit
def _sdm(logits_NC, pred_N, q_N, d_N):
    probability_NC = activation(logits_NC, q_N, d_N)
    of_pred_N = jnp.take_along_axis(probability_NC, pred_N[:, None], axis=1)[:, 0]
    return probability_NC, rescaled_similarity(q_N, of_pred_N)
