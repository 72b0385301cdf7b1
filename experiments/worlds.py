"""Writes the page about the families of synthetic problems.

python -m experiments.worlds --out=docs/worlds.md
"""

from absl import flags

from prm_jax import cli

OUT = flags.DEFINE_string("out", None, "The Markdown file to write.", required=True)


def main(argv):
    """Writes the page."""
    from prm_jax.data.synthetic import worlds  # so that --help answers at once
    from prm_jax.files import atomic_write

    del argv
    with atomic_write(OUT.value) as file:
        file.write(worlds.page())
    print(OUT.value)


if __name__ == "__main__":
    cli.run(main)
