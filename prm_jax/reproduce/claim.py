"""What a paper claims, and what the seeds say of it."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import scipy.stats

from prm_jax.errors import InputError

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement that an effect lies in a region.

    Fields:
        text: the claim, in a sentence.
        effect: the figure it is about, usually a difference of two arms of the same seed.
        above, below: the open region claimed; the default is "greater than 0".
    """

    text: str
    effect: str
    above: float = 0.0
    below: float = math.inf

    def region(self) -> str:
        """The region as text, such as '> 0' or 'within -0.02 and 0.02'."""
        if math.isinf(self.below):
            return f"> {self.above:g}"
        if math.isinf(self.above):
            return f"< {self.below:g}"
        return f"within {self.above:g} and {self.below:g}"

    def verdict(self, low: float, high: float) -> str:
        """What a confidence interval of the effect says of the claim.

        Args:
            low, high: ends of the interval.

        Returns:
            'reproduced' if the interval lies in the region, 'not reproduced' if no part of it
            does, else 'inconclusive'.
        """
        if self.above < low and high < self.below:
            return REPRODUCED
        if high <= self.above or self.below <= low:
            return NOT_REPRODUCED
        return INCONCLUSIVE


def estimate(values: Sequence[float]) -> dict[str, float]:
    """Mean over seeds and its interval by Student's t.

    Args:
        values: one of each seed, at least two. For a difference of two arms that share data, order
            and initial parameters this is the paired interval.

    Returns:
        {'mean', 'low', 'high'}, the ends of the 95 % interval.

    Raises:
        InputError: fewer than two values, or one that is not finite.
    """
    if len(values) < 2:
        raise InputError("one seed gives no interval", field="seeds", remedy="give two or more")
    if not np.isfinite(values).all():
        raise InputError(f"a figure is not finite: {list(values)}", field="figures")
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return {"mean": mean, "low": mean - reach, "high": mean + reach}
