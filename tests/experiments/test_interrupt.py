"""Ctrl-C ends a command with one line and 130, and leaves what is finished."""

import json

import prm_jax.scoring.score_file as scoring


def test_scoring_says_how_to_go_on_and_does(command, tmp_path, model_directory, monkeypatch):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"problem": f"1+{i}", "steps": [f"1+{i}={i + 1}"]} for i in range(6)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = [f"--model={model_directory}", f"--input={source}", f"--output={output}"]
    append, calls = scoring._Partial.append, []

    def interrupted(self, rows):
        append(self, rows)
        calls.append(len(rows))
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "CHUNK_CHARACTERS", {"cpu": 16})
    monkeypatch.setattr(scoring._Partial, "append", interrupted)
    ended = command("score", *flags)
    assert ended.code == 130 and "Traceback" not in ended.err
    assert "stopped: the same command goes on from what is finished" in ended.err
    assert not output.exists() and not list(tmp_path.glob(".*.lock"))
    assert command("score", *flags).code in (0, None)
    assert sum(calls) == len(rows) == len(output.read_text().splitlines()) and len(calls) > 2
