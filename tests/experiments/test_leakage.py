"""The command that counts what two sets share."""

import json

TALES = (
    "A farmer sold 48 eggs in April and half as many in May. How many did he sell?",
    "Two trains leave the station at 9 and at 11 in the morning. When do they meet?",
    "The roots of a polynomial with whole coefficients add up to 7. Find the largest one.",
)


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_report_counts_exact_and_near_duplicates(command, tmp_path):
    data = write(
        tmp_path / "train.jsonl", *({"problem": tale, "steps": ["a"]} for tale in TALES * 2)
    )
    questions = (TALES[0].upper(), TALES[1].replace("11", "10"), "Who is it?")
    against = write(tmp_path / "test.jsonl", *({"question": text} for text in questions))
    output = tmp_path / "leakage.json"
    done = command("leakage", f"--data={data}", f"--against={against}", f"--output={output}")
    assert done.code == 0, done.err
    report = json.loads(output.read_text())
    assert report["first"] == {"rows": 6, "problems": 3, "exact": 1, "near": 1}
    assert report["second"] == {"rows": 3, "problems": 3, "exact": 1, "near": 1}
    assert f"{data}: 3 problems in 6 rows; 1 are in the other set, 1 more" in done.out
    (near,) = report["examples"]["near"]
    assert near["first"] in done.out and "at 10 in" in near["second"]
    strict = command("leakage", f"--data={data}", f"--against={against}", "--threshold=0.99")
    assert "1 are in the other set, 0 more" in strict.out


def test_a_bad_row_stops_it_or_is_counted(command, tmp_path):
    data = write(tmp_path / "train.jsonl", {"problem": "p", "steps": ["a"]}, {"problem": "p"})
    output = tmp_path / "leakage.json"
    flags = [f"--data={data}", f"--against={data}", f"--output={output}"]
    done = command("leakage", *flags)
    assert done.code == 2 and "train.jsonl:2: field 'steps'" in done.err and not output.exists()
    done = command("leakage", *flags, "--skip_bad")
    assert done.code == 0 and "2 rows were refused" in done.out
    assert json.loads(output.read_text())["rows_refused"] == 2
