"""The command that counts what a data set holds."""

import json

GOOD = {"problem": "p", "steps": ["a", "b"], "labels": [1, 0], "source": "ours"}


def test_it_prints_a_line_a_source_and_writes_all_counts(command, tmp_path):
    rows = [GOOD, GOOD | {"labels": [1, 1], "source": "theirs"}, GOOD, {"problem": "p"}]
    data = tmp_path / "a.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    output = tmp_path / "statistics.json"
    flags = [f"--data={data}", f"--output={output}"]
    done = command("describe", *flags)
    assert done.code == 2 and "a.jsonl:4: field 'steps'" in done.err and not output.exists()
    done = command("describe", *flags, "--skip_bad")
    assert done.code == 0, done.err
    report = json.loads(output.read_text())
    assert report["rows_refused"] == 1 and list(report["sources"]) == ["ours", "theirs"]
    assert report["sources"]["ours"]["duplicates"] == 1
    ours, theirs = (line.split() for line in done.out.splitlines()[1:3])
    assert ours == "ours 2 1 1 4 2.0 2 2 0 0 2 of 2 0%".split()
    assert theirs == "theirs 1 1 0 2 2.0 2 0 0 0 0 of 1 -".split()
