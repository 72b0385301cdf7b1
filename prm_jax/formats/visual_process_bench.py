"""VisualProcessBench (arXiv:2503.10291): solutions of problems with images, each step labelled.

Source: the data set's card. `response` has `steps` and `process_correctness`, one entry a step: 1
right, 0 neutral, -1 wrong, after the first error too; `answer` is the true one. **The images are
not read**: a model without eyes sees the question's text alone. How many there were is
`meta['images_not_read']`.
"""

import json

from prm_jax.formats.trl import rating_label
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "visual_process_bench"
CORRECTNESS = "process_correctness"
IMAGES = ("image", "images", "image_paths")


def detect(row):
    """Whether a row looks like this format."""
    response = row.get("response")
    if isinstance(response, str):
        return "question" in row and f'"{CORRECTNESS}"' in response
    return "question" in row and isinstance(response, dict) and CORRECTNESS in response


def read(row, where, neutral="positive"):
    """One trajectory a row.

    Args:
        row: parsed JSON; `response` may be JSON in a text, as tables hold it.
        where: its place.
        neutral: what label 0 means: 'positive', 'negative' or 'masked'.
    """
    response = row.get("response")
    if isinstance(response, str):
        try:
            response = json.loads(response)
        except ValueError:
            response = None
    if not isinstance(response, dict):
        raise where.error("must be an object with steps", field="response")
    steps, ratings = response.get("steps"), response.get(CORRECTNESS)
    if not isinstance(steps, list):
        raise where.error("must be a list of strings", field="response.steps")
    if not isinstance(ratings, list) or len(ratings) != len(steps):
        found = len(ratings) if isinstance(ratings, list) else "no"
        raise where.error(
            f"has {found} entries for {len(steps)} steps", field=f"response.{CORRECTNESS}"
        )
    origin = row.get("data_source")
    not_kept = ("question", "answer", "response", *IMAGES)
    fields = {
        "problem": row.get("question"),
        "steps": steps,
        "labels": [rating_label(rating, neutral, where) for rating in ratings],
        "gold": name_of(row.get("answer")),
        "source": f"{NAME}/{origin}" if isinstance(origin, str) else NAME,
        "meta": {name: value for name, value in row.items() if name not in not_kept}
        | {"images_not_read": sum(_count(row.get(name)) for name in IMAGES)},
    }
    return [Trajectory.from_dict(fields, where)]


def _count(images):
    return len(images) if isinstance(images, list) else int(images is not None)
