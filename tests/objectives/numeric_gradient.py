"""Central differences in double precision, for losses written again in numpy."""

import numpy as np


def numeric_gradient(function, x, eps=1e-6):
    """Gradient of a scalar function of an array."""
    x = np.array(x, np.float64)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        plus, minus = x.copy(), x.copy()
        plus[index] += eps
        minus[index] -= eps
        gradient[index] = (function(plus) - function(minus)) / (2 * eps)
    return gradient
