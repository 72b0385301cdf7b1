"""Step-labelled reasoning problems made by program.

    train = make_trajectories(("arithmetic", "dyck"), 1000, seed=0, split="train")
    groups = make_candidates("arithmetic", 50, 16, seed=0, split="test", accuracy=0.4)
    check(train[0])  # [1.0, 1.0, 0.0, ...], worked out from the texts alone

A family is one file and one entry of `FAMILIES`; its checker is one file of `checkers`, which share
no code with the families.
"""

from prm_jax.data.synthetic.candidates import make_candidates
from prm_jax.data.synthetic.checkers import check
from prm_jax.data.synthetic.family import ErrorKind
from prm_jax.data.synthetic.registry import FAMILIES
from prm_jax.data.synthetic.splits import split_of
from prm_jax.data.synthetic.trajectories import make_trajectories

__all__ = ["FAMILIES", "ErrorKind", "check", "make_candidates", "make_trajectories", "split_of"]
