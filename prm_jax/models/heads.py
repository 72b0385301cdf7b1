"""Heads that turn the hidden state at a step's end into the step's score.

kind          parameters                            logits  used by
scalar        kernel [D,1] (+ bias)                 1       PQM, Skywork, SCAN
linear        kernel [D,C] (+ bias)                 C       TRL (C = 2), K ratings
mlp           two dense layers with a ReLU          C       Qwen2.5-Math-PRM (C = 2)
two_token     none: two columns of the unembedding  2       Math-Shepherd, RLHFlow
easy_to_hard  kernel [D,2] from zero, averaged      1       Easy-to-Hard generalisation
"""

import dataclasses

import chex
import jax
import jax.numpy as jnp

from prm_jax.errors import InputError

HEAD_KINDS = ("scalar", "linear", "mlp", "two_token", "easy_to_hard")
READINGS = ("classes", "first", "ratings")


@dataclasses.dataclass(frozen=True)
class HeadConfig:
    """Which head a model has.

    Fields:
        kind: 'scalar', 'linear', 'mlp', 'two_token' or 'easy_to_hard'.
        n_classes: C; 1 for 'scalar' and 'easy_to_hard'. With two classes, class 1 is "right".
        bias: whether 'scalar' and 'linear' have a bias.
        positive_id, negative_id: token ids for "right" and "wrong" ('two_token').
        reading: what the logits are: 'classes'; 'first', each a log-odds of its own of which the
            first is the step's; 'ratings', the classes being the ratings 1..C.
        gate: whether steps are read in both directions and a learned gate mixes the two log-odds
            (BiPRM, arXiv:2508.01682v2).
    """

    kind: str = "linear"
    n_classes: int = 2
    bias: bool = True
    positive_id: int | None = None
    negative_id: int | None = None
    reading: str = "classes"
    gate: bool = False

    def __post_init__(self):
        if self.kind not in HEAD_KINDS:
            raise InputError(
                f"unknown head {self.kind!r}",
                field="head",
                remedy=f"known are {', '.join(HEAD_KINDS)}",
            )
        if self.reading not in READINGS:
            raise InputError(
                f"unknown reading {self.reading!r}",
                field="head.reading",
                remedy=f"known are {', '.join(READINGS)}",
            )
        if self.kind in ("scalar", "easy_to_hard"):
            object.__setattr__(self, "n_classes", 1)
        if self.kind == "two_token":
            object.__setattr__(self, "n_classes", 2)
            if self.positive_id is None or self.negative_id is None:
                raise InputError("a two_token head needs positive_id and negative_id", field="head")
            if self.positive_id == self.negative_id:
                raise InputError("positive_id and negative_id are the same token", field="head")
        if self.n_classes < 1:
            raise InputError(f"{self.n_classes} classes", field="n_classes")


def init_head(key, head, d_model):
    """Fresh head parameters: normal with deviation 0.02, zero biases; {} for 'two_token'.

    The rows of 'easy_to_hard' start at zero. A gate is under 'gate'; its second layer starts at
    zero, so that both directions count alike at first.

    Args:
        key: PRNG key.
        head: HeadConfig.
        d_model: D.

    Returns:
        Nested dict of float32 arrays, for `params['head']`.
    """

    def dense(key, inputs, outputs, bias):
        layer = {"kernel": 0.02 * jax.random.normal(key, (inputs, outputs), jnp.float32)}
        return layer | ({"bias": jnp.zeros((outputs,), jnp.float32)} if bias else {})

    params = {}
    if head.kind == "mlp":
        first, second = jax.random.split(key)
        params = {
            "dense": dense(first, d_model, d_model, True),
            "out": dense(second, d_model, head.n_classes, True),
        }
    elif head.kind == "easy_to_hard":
        params = {"kernel": jnp.zeros((d_model, 2), jnp.float32)}
    elif head.kind != "two_token":
        params = dense(key, d_model, head.n_classes, head.bias)
    if head.gate:
        hidden = dense(jax.random.fold_in(key, 1), 2 * d_model, d_model, True)
        out = {"kernel": jnp.zeros((d_model, 1), jnp.float32), "bias": jnp.zeros((1,), jnp.float32)}
        params["gate"] = {"dense": hidden, "out": out}
    return params


def gather_steps(hidden_BTD, step_positions_BS):
    """Hidden states at step ends.

    Args:
        hidden_BTD: float[B,T,D].
        step_positions_BS: i32[B,S] token indices in the row; padded slots hold any valid index and
            are masked later.

    Returns:
        float[B,S,D].
    """
    chex.assert_rank([hidden_BTD, step_positions_BS], [3, 2])
    return jnp.take_along_axis(hidden_BTD, step_positions_BS[:, :, None], axis=1)


def apply_head(head, params, h_BSD, *, final_softcap=None):
    """Head logits in float32.

    Args:
        head: HeadConfig.
        params: the whole parameter tree of the model: `params['head']`, and the (un)embedding for
            'two_token'.
        h_BSD: float[B,S,D] hidden states at step ends.
        final_softcap: the decoder's soft cap on vocabulary logits; only 'two_token' needs it.

    Returns:
        f32[B,S,C]; class 1 is the positive token for 'two_token'.

    Raises:
        InputError: for a token id beyond the vocabulary.
    """
    chex.assert_rank(h_BSD, 3)
    h_BSD = h_BSD.astype(jnp.float32)
    if head.kind == "two_token":
        logits_BSC = _dense({"kernel": _token_columns(head, params)}, h_BSD)
        if final_softcap is not None:
            logits_BSC = final_softcap * jnp.tanh(logits_BSC / final_softcap)
        return logits_BSC
    if head.kind == "mlp":
        h_BSD = jax.nn.relu(_dense(params["head"]["dense"], h_BSD))
        return _dense(params["head"]["out"], h_BSD)
    logits_BSC = _dense(params["head"], h_BSD)
    return logits_BSC.mean(-1, keepdims=True) if head.kind == "easy_to_hard" else logits_BSC


def step_logit(head, logits_BSC):
    """Log-odds that the step is right, f32[B,S].

    A scalar head's logit itself; with two classes the difference class 1 minus class 0; of log-odds
    side by side the first; of ratings the log-odds of the mean rating's place between the lowest
    and the highest.

    Raises:
        InputError: for more than two classes that are no ratings, whose reading is the objective's
            business.
    """
    if head.reading == "first" or head.n_classes == 1:
        return logits_BSC[..., 0]
    if head.reading == "ratings":
        # The mean lies between them by shares that come from the logits without rounding to 0 or 1.
        above_C = jnp.arange(head.n_classes, dtype=jnp.float32)
        log_p = jax.nn.log_softmax(logits_BSC.astype(jnp.float32))

        def log_share(weight_C):
            return jax.nn.logsumexp(log_p, axis=-1, b=weight_C)

        return log_share(above_C) - log_share(above_C[::-1])
    if head.n_classes == 2:
        return logits_BSC[..., 1] - logits_BSC[..., 0]
    raise InputError(
        f"{head.n_classes} classes have no single step logit",
        field="head",
        remedy="keep of score.weight the row of the label that you want (one label), or the two of "
        "wrong and right",
    )


def _token_columns(head, params):
    """Columns [D,2] of the unembedding: the negative token's, then the positive one's."""
    if "unembed" in params:
        table_VD = params["unembed"]["kernel"].T
    else:
        table_VD = params["embed"]["embedding"]
    ids = (head.negative_id, head.positive_id)
    if not 0 <= min(ids) <= max(ids) < table_VD.shape[0]:
        # An index beyond the table would be clamped to its last row without a word.
        raise InputError(f"token ids {ids} are not in the vocabulary", field="head")
    return table_VD[jnp.asarray(ids)].T


def _dense(params, x):
    # Few rows get here, so full precision costs nothing where float32 defaults to less.
    kernel = params["kernel"].astype(jnp.float32)
    out = jnp.einsum("BSD,DC->BSC", x, kernel, precision=jax.lax.Precision.HIGHEST)
    return out + params["bias"].astype(jnp.float32) if "bias" in params else out
