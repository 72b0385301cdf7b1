"""Scores every step of every solution in a file.

    python -m experiments.score --model=runs/mine --input=solutions.jsonl --output=scores.jsonl

One output line a solution, in the input's order: id, step_scores (null where a step did not fit),
step_logits, score, aggregation, truncated. A row of candidates gives one line a candidate. Beside
the output, OUTPUT.meta.json says how it was made. The same command continues a run that was
stopped.

--share_prefixes computes what solutions begin with in common once, and prints how many tokens that
leaves: for many candidates of a problem, or the paths of a search, wherever in the file they stand.

An outcome reward model (a sequence classifier, a value head) gives one number a solution: score is
its logit, step_scores and step_logits are null.

--scorer is a name or a line of combined scorers, for example 'temperature(value=1.7)' or
'orm(ensemble(discriminative, model(path="runs/other")))'; see docs/methods.md, Scorers.
"""

from typing import Any

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Directory, .gguf file, training workdir or preset.")
flags.DEFINE_string("base", None, "Of a peft adapter: its base model; default: as it says.")
flags.DEFINE_string("input", None, "Solutions: a file, a directory or a glob.")
flags.DEFINE_string("output", None, "JSON lines to write.")
flags.DEFINE_string("scorer", "discriminative", "How steps are scored: a name, or a line as above.")
flags.DEFINE_string("aggregation", None, "Steps to solution; default: as recorded, or min.")
flags.DEFINE_string("convention", None, "How steps are marked: name or JSON; default: recorded.")
flags.DEFINE_string("format", "auto", "Format of the input; see docs/data_formats.md.")
flags.DEFINE_integer("max_length", None, "Most tokens of a solution.", 1, 2**24)
flags.DEFINE_integer("batch_tokens", 8192, "Most tokens of one forward pass.", 1, 2**28)
flags.DEFINE_bool("share_prefixes", False, "Compute what solutions begin with in common once.")
flags.DEFINE_enum("dtype", "float32", ["float32", "bfloat16"], "Parameters and computation.")
flags.DEFINE_integer("fsdp", None, "Split parameters over so many devices, rows over all.", 1)
flags.DEFINE_integer("expert", None, "Split the experts of a sparse model likewise.", 1)
flags.DEFINE_integer("sequence", None, "Split the tokens of a row over so many devices.", 1)
flags.DEFINE_bool("skip_bad", False, "Skip bad rows; they go to OUTPUT.rejects.jsonl.")
flags.mark_flags_as_required(["model", "input", "output"])


def main(_):
    """Scores."""
    from prm_jax.compilation import counted_from_first, keep_programs
    from prm_jax.models import make_mesh  # so that --help and bad flags answer at once
    from prm_jax.progress import Progress
    from prm_jax.scoring.score_file import score_file

    keep_programs()
    switches = ("share_prefixes", "skip_bad")
    names = (
        "scorer",
        "aggregation",
        "convention",
        "format",
        "max_length",
        "batch_tokens",
        "dtype",
        "base",
    )
    options: dict[str, Any] = {name: FLAGS[name].value for name in (*names, *switches)}
    split = {axis: FLAGS[axis].value or 1 for axis in ("expert", "fsdp", "sequence")}
    mesh = make_mesh(data=-1, **split) if any(FLAGS[axis].value for axis in split) else None
    with Progress("loading") as bar:
        about = {"score": FLAGS.model, **options, **split}
        update = counted_from_first(bar, "scoring", about)
        record = score_file(
            FLAGS.model, FLAGS.input, FLAGS.output, mesh=mesh, progress=update, **options
        )
    counts = ", ".join(f"{record[name]} {name}" for name in ("rows", "truncated", "rejected"))
    print(f"{FLAGS.output}: {counts}")
    if tokens := record.get("tokens"):
        print(f"{tokens['computed']} of {tokens['given']} tokens computed")


if __name__ == "__main__":
    cli.run(main)
