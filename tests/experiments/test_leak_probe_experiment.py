"""`python -m experiments.leak_probe` and `experiments.worlds` write what they say."""

import json

from prm_jax.data.synthetic import worlds

SMALL = ("--n=60", "--n_boot=20", "--difficulty=1")


def test_the_probe_writes_a_record_and_prints_its_figures(command, tmp_path):
    done = command("leak_probe", "--families=dyck", *SMALL, f"--output={tmp_path}/leaks.json")
    assert done.code in (None, 0), done.err
    record = json.loads((tmp_path / "leaks.json").read_text())
    figure = record["families"]["dyck"]["auroc"]["words"]
    assert "dyck: 60/60 agree" in done.out and f"words {figure['value']:.3f}" in done.out
    assert record["config"]["n"] == 60


def test_bad_input_of_the_probe_is_one_line_and_exit_code_2(command, tmp_path):
    (tmp_path / "file").write_text("")
    for output, families in (("leaks.json", "chess"), ("file/leaks.json", "dyck")):
        done = command(
            "leak_probe", f"--families={families}", *SMALL, f"--output={tmp_path}/{output}"
        )
        assert done.code == 2 and done.err.count("\n") == 1
        assert ("families" if families == "chess" else "file/leaks.json") in done.err
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_page_about_families_is_written_whole(command, tmp_path):
    done = command("worlds", f"--out={tmp_path}/worlds.md")
    assert done.code in (None, 0), done.err
    assert (tmp_path / "worlds.md").read_text("utf-8") == worlds.page()
