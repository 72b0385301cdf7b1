import json
import resource
import shutil

import jax
import numpy as np
import pytest

from prm_jax import scoring
from prm_jax.errors import InputError
from prm_jax.records import Trajectory, write_jsonl
from prm_jax.scoring import score
from prm_jax.scoring.aggregation import aggregate
from prm_jax.scoring.score_file import score_file
from prm_jax.weights import export
from prm_jax.weights.uncertainty import load_uncertainty_head, save_uncertainty_head


@pytest.fixture
def input_file(tmp_path, trajectories):
    path = tmp_path / "in.jsonl"
    write_jsonl(path, trajectories)
    return path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def files(directory):
    return sorted(path.name for path in directory.iterdir() if path.is_file())


@pytest.fixture
def counted(monkeypatch):
    """Ids of the trajectories that reach the scorer, call by call."""
    calls = []

    def counting(model, params, tokenizer, trajectories, **options):
        calls.append([t.id for t in trajectories])
        return score(model, params, tokenizer, trajectories, **options)

    monkeypatch.setitem(scoring.SCORERS, "discriminative", counting)
    return calls


def test_one_line_a_solution_in_order_with_the_contract_fields(
    tmp_path, input_file, model_directory, trajectories
):
    output = tmp_path / "out.jsonl"
    record = score_file(str(model_directory), input_file, output)
    lines = rows(output)
    assert [line["id"] for line in lines] == [t.id for t in trajectories]
    for line, trajectory in zip(lines, trajectories, strict=True):
        assert list(line) == [
            *("id", "step_scores", "step_logits", "score", "aggregation", "truncated")
        ]
        assert len(line["step_scores"]) == len(line["step_logits"]) == len(trajectory.steps)
        assert line["aggregation"] == "mean"  # what the model records
        assert line["score"] == pytest.approx(aggregate(line["step_scores"], "mean"))
        assert line["truncated"] is False
    assert json.loads((tmp_path / "out.jsonl.meta.json").read_text()) == record
    assert files(tmp_path) == ["in.jsonl", "out.jsonl", "out.jsonl.meta.json"]


def test_a_stopped_run_goes_on_and_ends_as_if_never_stopped(
    tmp_path, input_file, model_directory, trajectories, counted
):
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    score_file(str(model_directory), input_file, whole, chunk=5)
    counted.clear()

    def stop(done, total):
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(str(model_directory), input_file, output, chunk=5, progress=stop)
    assert not output.exists()
    with open(f"{output}.partial", "a") as file:
        file.write('{"id": "t10", "step_sc')  # a line that was being written
    score_file(str(model_directory), input_file, output, chunk=5)
    assert output.read_bytes() == whole.read_bytes()
    assert [name for call in counted for name in call] == [t.id for t in trajectories]


@pytest.mark.parametrize("kept", [7, 10])
def test_a_line_cut_within_a_character_and_all_after_it_are_scored_again(
    tmp_path, model_directory, counted, kept
):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_jsonl(path, [Trajectory("what?", (f"step {n}.",), id=f"größe-{n}") for n in range(12)])
    partial, whole = tmp_path / "out.jsonl.partial", []

    def keep(done, total):
        if done:  # before, nothing is there to be kept
            whole[:] = partial.read_bytes().splitlines(keepends=True)

    score_file(str(model_directory), path, output, chunk=5, progress=keep)
    expected, cut = output.read_bytes(), whole[1 + kept]
    within = cut.index("ö".encode()) + 1
    for rest in (cut[:within], cut[:within] + b"\n" + b"".join(whole[2 + kept :]), b"\0" * 50):
        counted.clear()
        partial.write_bytes(b"".join(whole[: 1 + kept]) + rest)
        score_file(str(model_directory), path, output, chunk=5)
        # Of a chunk of which some lines were kept all are scored, so that the last bits agree.
        assert [name for call in counted for name in call] == [
            f"größe-{n}" for n in range(kept - kept % 5, 12)
        ]
        assert output.read_bytes() == expected


def test_a_full_disk_is_named_and_scoring_goes_on_once_there_is_room(
    tmp_path, input_file, model_directory, counted
):
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    partial = tmp_path / "out.jsonl.partial"
    score_file(str(model_directory), input_file, whole, chunk=3)
    before, counted[:] = resource.getrlimit(resource.RLIMIT_FSIZE), []

    def full(done, total):
        if done == 3:  # room for some lines of the chunk to come and not for all
            limit = partial.stat().st_size + 300
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))

    try:
        with pytest.raises(InputError) as caught:
            score_file(str(model_directory), input_file, output, chunk=3, progress=full)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for words in (f"{partial}: cannot be written", "are free", "make room, then the same command"):
        assert words in str(caught.value)
    assert not output.exists() and len(partial.read_text().splitlines()) == 1 + 3
    score_file(str(model_directory), input_file, output, chunk=3)
    assert output.read_bytes() == whole.read_bytes()
    assert [len(call) for call in counted] == [3, 3, 3, 3, 3]  # one of them for nothing


def test_an_output_that_cannot_be_written_is_refused_before_any_work(tmp_path, input_file):
    with pytest.raises(InputError, match="cannot be written"):
        score_file("no such model", input_file, tmp_path / "in.jsonl" / "out.jsonl")


def test_what_was_made_from_other_input_or_options_is_not_continued(
    tmp_path, input_file, model_directory, counted
):
    output = tmp_path / "out.jsonl"

    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(str(model_directory), input_file, output, chunk=5, progress=stop)
    counted.clear()
    score_file(str(model_directory), input_file, output, chunk=5, max_length=40)
    assert sum(map(len, counted)) == 12


def test_what_was_made_with_another_head_of_the_same_name_is_not_continued(
    tmp_path, input_file, model_directory, uncertainty_head
):
    head = shutil.copytree(uncertainty_head, tmp_path / "head")
    output, line = tmp_path / "out.jsonl", f'uncertainty(head="{head}")'

    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    def scored(name, progress=None):
        given = dict(scorer=line, chunk=5, progress=progress)
        record = score_file(str(model_directory), input_file, tmp_path / name, **given)
        return record["added_layers"], [row["step_logits"] for row in rows(tmp_path / name)]

    with pytest.raises(KeyboardInterrupt):
        scored(output.name, stop)
    before = scored("before.jsonl")
    config, params, record = load_uncertainty_head(head)
    trained_on = jax.tree.map(lambda leaf: 2 * leaf + 0.1, params)
    save_uncertainty_head(head, config, trained_on, record)
    layers, logits = scored(output.name)
    assert list(layers) == [str(head)] and layers != before[0]
    assert not np.isclose(np.concatenate(logits), np.concatenate(before[1])).any()
    assert (layers, logits) == scored("after.jsonl")


def test_the_lines_of_a_truncated_solution_say_so(tmp_path, input_file, model_directory):
    output = tmp_path / "out.jsonl"
    record = score_file(str(model_directory), input_file, output, max_length=20)
    lines = rows(output)
    assert any(None in line["step_scores"] for line in lines)
    assert all(line["truncated"] == (None in line["step_scores"]) for line in lines)
    nothing = [line for line in lines if set(line["step_scores"]) == {None}]
    assert nothing and all(line["score"] is None for line in nothing)
    assert record["truncated"] == sum(line["truncated"] for line in lines)


def test_rows_without_an_id_are_named_by_file_and_line(tmp_path, model_directory):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text(
        '{"problem": "p", "steps": ["a"]}\n\n{"problem": "p", "steps": ["b"], "id": "mine"}\n'
        '{"problem": "p", "steps": ["c"]}\n'
    )
    score_file(str(model_directory), path, output)
    assert [line["id"] for line in rows(output)] == ["in.jsonl:1", "mine", "in.jsonl:4"]


def test_a_row_of_candidates_gives_a_line_a_candidate(tmp_path, model_directory):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    candidates = [{"steps": [text], "answer": text, "correct": True} for text in "abc"]
    write_jsonl(path, [{"id": "q", "problem": "p", "gold": "a", "candidates": candidates}])
    score_file(str(model_directory), path, output)
    assert [line["id"] for line in rows(output)] == ["q/0", "q/1", "q/2"]


def test_bad_rows_stop_the_run_without_output_or_go_to_the_rejects(tmp_path, model_directory):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text('{"problem": "p", "steps": ["a"]}\n{"problem": "p", "steps": []}\n{broken\n')
    with pytest.raises(InputError, match=r"in.jsonl:2: field 'steps'"):
        score_file(str(model_directory), path, output)
    assert files(tmp_path) == ["in.jsonl"]
    record = score_file(str(model_directory), path, output, skip_bad=True)
    assert [line["id"] for line in rows(output)] == ["in.jsonl:1"]
    assert [line["line"] for line in rows(tmp_path / "out.jsonl.rejects.jsonl")] == [2, 3]
    assert record["rejected"] == 2


def test_a_file_of_bad_rows_only_is_an_error(tmp_path, model_directory):
    path = tmp_path / "in.jsonl"
    path.write_text('{"problem": "p", "steps": []}\n')
    with pytest.raises(InputError, match="no row could be read"):
        score_file(str(model_directory), path, tmp_path / "out.jsonl", skip_bad=True)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"scorer": "oracle"}, "unknown scorer"),
        ({"aggregation": "median"}, "unknown aggregation"),
        ({"convention": "mine"}, "unknown convention"),
        ({"format": "csv"}, "unknown format"),
    ],
)
def test_unknown_options_are_named(tmp_path, input_file, model_directory, options, words):
    with pytest.raises(InputError, match=words):
        score_file(str(model_directory), input_file, tmp_path / "out.jsonl", **options)
    assert files(tmp_path) == ["in.jsonl"]


def test_a_line_of_scorers_is_recorded_with_the_other_models_it_read(
    tmp_path, input_file, model_directory, model_and_params, tokenizer
):
    model, params = model_and_params
    other = tmp_path / "other"
    head = {"kernel": params["head"]["kernel"][:, ::-1], "bias": params["head"]["bias"]}
    export(other, model, {**params, "head": head}, tokenizer)
    line = f'ensemble(discriminative, model(path="{other}"), merge=probability)'
    record = score_file(str(model_directory), input_file, tmp_path / "out.jsonl", scorer=line)
    assert record["scorer"] == (
        f"ensemble(discriminative, model(discriminative, path='{other}'), merge='probability')"
    )
    assert list(record["other_models"]) == [str(other)]
    assert record["other_models"][str(other)] != record["model_fingerprint"]
    again = score_file(str(model_directory), input_file, tmp_path / "alone.jsonl")
    assert again["other_models"] == {}
    alone = [line["step_scores"] for line in rows(tmp_path / "alone.jsonl")]
    reverse = score_file(str(other), input_file, tmp_path / "turned.jsonl")
    assert reverse["model_fingerprint"] == record["other_models"][str(other)]
    turned = [line["step_scores"] for line in rows(tmp_path / "turned.jsonl")]
    for line, one, two in zip(rows(tmp_path / "out.jsonl"), alone, turned, strict=True):
        means = [(p + q) / 2 for p, q in zip(one, two, strict=True)]
        assert line["step_scores"] == pytest.approx(means, abs=1e-5)


def test_one_score_a_solution_is_the_score_of_the_line(tmp_path, input_file, model_directory):
    plain, orm = tmp_path / "plain.jsonl", tmp_path / "orm.jsonl"
    score_file(str(model_directory), input_file, plain, aggregation="last")
    score_file(str(model_directory), input_file, orm, scorer="orm", aggregation="min")
    assert [line["score"] for line in rows(orm)] == [line["score"] for line in rows(plain)]


def test_sharing_prefixes_changes_no_score_wherever_the_candidates_stand(tmp_path, model_directory):
    path, plain, shared = (tmp_path / name for name in ("in.jsonl", "plain.jsonl", "out.jsonl"))
    problems = ("what is one and two?", "what is two and two?")
    candidates = [Trajectory(p, (f"{n} it is.", "so.")) for n in range(4) for p in problems]
    write_jsonl(path, candidates)  # candidates of a problem stand apart
    score_file(str(model_directory), path, plain)
    record = score_file(str(model_directory), path, shared, share_prefixes=True, chunk=4)
    for one, other in zip(rows(shared), rows(plain), strict=True):
        assert one["id"] == other["id"]
        assert one["step_logits"] == pytest.approx(other["step_logits"], abs=1e-5)
    given = sum(len(p) + len("0 it is.so.") + 2 for p in problems) * 4
    again = sum(map(len, problems)) * 3  # a chunk holds one problem, and that is in each of them
    assert record["tokens"] == {"given": given, "computed": given - again}


def test_a_stopped_run_that_shares_prefixes_ends_in_the_order_of_the_input(
    tmp_path, model_directory
):
    path, whole, output = (tmp_path / name for name in ("in.jsonl", "whole.jsonl", "out.jsonl"))
    write_jsonl(path, [Trajectory(p, (f"{n}.",), id=f"{p}{n}") for n in range(3) for p in "ab"])
    options = dict(share_prefixes=True, chunk=2)
    score_file(str(model_directory), path, whole, **options)

    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(str(model_directory), path, output, progress=stop, **options)
    score_file(str(model_directory), path, output, **options)
    assert output.read_bytes() == whole.read_bytes()
    assert [line["id"] for line in rows(output)] == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_scorer_that_reads_more_than_step_ends_does_not_share_prefixes(
    tmp_path, input_file, model_directory
):
    options = dict(scorer="temperature(mean_log_prob, value=2.0)", share_prefixes=True)
    with pytest.raises(InputError, match="mean_log_prob cannot share prefixes"):
        score_file(str(model_directory), input_file, tmp_path / "out.jsonl", **options)
