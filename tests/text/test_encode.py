"""Encoding: id layouts of the published conventions, and positions that no text can move."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from word_tokenizer import byte_tokenizer, piece_tokenizer

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.text import (
    CONVENTIONS,
    EncodeReport,
    StepConvention,
    convention,
    encode,
    verify_alignment,
)

LONG = 10_000
OF_STEPS = [name for name, convention in CONVENTIONS.items() if convention.marker != "end"]
OF_SOLUTIONS = [name for name in CONVENTIONS if name not in OF_STEPS]


class LookupTokenizer:
    """Gives the ids of a published example, so that its layout can be compared literally."""

    bos_id = 0
    chat_template = None
    ids = {"P": [465, 6766, 318, 298], "A": [4, 322, 12], "B": [4995, 11, 22], "\n": [1030], "": []}

    def encode(self, text):
        return list(self.ids[text])


def test_trl_layout_equals_its_published_example():
    encoded = encode(
        Trajectory("P", ("A", "B"), labels=(1.0, 0.0)), LookupTokenizer(), CONVENTIONS["trl"], LONG
    )
    golden = [0, 465, 6766, 318, 298, 4, 322, 12, 1030, 4995, 11, 22, 1030]
    assert encoded.tokens.tolist() == golden
    labels = np.full(len(golden), -100)
    labels[encoded.step_positions] = encoded.labels
    assert labels.tolist() == [-100] * 8 + [1] + [-100] * 3 + [0]


def text_of(tokenizer, encoded):
    return tokenizer.decode(encoded.tokens)


def test_math_shepherd_layout():
    tokenizer = byte_tokenizer()
    encoded = encode(Trajectory("Why?", ("a", "b")), tokenizer, CONVENTIONS["math_shepherd"], LONG)
    assert text_of(tokenizer, encoded) == "<s>Why? Step 1: a ки\nStep 2: b ки\n"
    last_piece = tokenizer.encode("ки")[-1]
    assert encoded.tokens[encoded.step_positions].tolist() == [last_piece] * 2
    joint = tokenizer.encode("Why? Step 1: a ки\nStep 2: b ки\n")
    assert encoded.tokens.tolist() == [tokenizer.bos_id, *joint]


def test_math_shepherd_pieces_join_as_sentencepiece_tokenizes_the_whole():
    tokenizer = piece_tokenizer()
    encoded = encode(Trajectory("Why", ("a", "b")), tokenizer, CONVENTIONS["math_shepherd"], LONG)
    joint = tokenizer.encode("Why Step 1: a ки\nStep 2: b ки\n")
    assert encoded.tokens.tolist() == [tokenizer.bos_id, *joint]
    assert encoded.tokens[encoded.step_positions].tolist() == [tokenizer.encode("ки")[-1]] * 2


def test_trl_pieces_each_start_anew_under_sentencepiece():
    tokenizer = piece_tokenizer()
    encoded = encode(Trajectory("Why", ("a", "b")), tokenizer, CONVENTIONS["trl"], LONG)
    newline = tokenizer.encode("\n")
    pieces = [tokenizer.encode(text) for text in ("Why", "a", "\n", "b", "\n")]
    assert encoded.tokens.tolist() == [tokenizer.bos_id, *sum(pieces, [])]
    assert encoded.tokens[encoded.step_positions].tolist() == [newline[-1]] * 2


@pytest.mark.parametrize("name", OF_STEPS)
def test_a_label_moved_by_one_step_is_a_different_encoding(name):
    tokenizer, convention = byte_tokenizer(), CONVENTIONS[name]
    right = encode(Trajectory("p", ("a", "b", "c"), (1.0, 0.0, None)), tokenizer, convention, LONG)
    moved = encode(Trajectory("p", ("a", "b", "c"), (None, 1.0, 0.0)), tokenizer, convention, LONG)
    assert right.label_mask.tolist() == [True, True, False]
    assert moved.label_mask.tolist() == [False, True, True]
    assert right.labels.tolist() == [1.0, 0.0, 0.0] and moved.labels.tolist() == [0.0, 1.0, 0.0]


def test_qwen_layout_is_the_chat_with_a_marker_after_every_step():
    tokenizer = byte_tokenizer()
    encoded = encode(Trajectory("Why?", ("a", "b")), tokenizer, CONVENTIONS["qwen"], LONG)
    assert text_of(tokenizer, encoded) == (
        "<|start|>system\nPlease reason step by step, and put your final answer within \\boxed{}."
        "<|end|>\n<|start|>user\nWhy?<|end|>\n<|start|>assistant\na<extra_0>b<extra_0><|end|>\n"
    )
    marker = tokenizer.token_id("<extra_0>")
    assert encoded.step_positions.tolist() == np.flatnonzero(encoded.tokens == marker).tolist()


def test_rlhflow_layout_reads_the_token_that_predicts_the_answer():
    tokenizer = byte_tokenizer()
    encoded = encode(Trajectory("Why?", ("a", "b")), tokenizer, CONVENTIONS["rlhflow"], LONG)
    turn = "<|start|>user\n{}<|end|>\n<|start|>assistant\n+<|end|>\n"
    assert text_of(tokenizer, encoded) == turn.format("Why? a") + turn.format("b")
    following = encoded.tokens[encoded.step_positions + 1]
    assert following.tolist() == tokenizer.encode("+") * 2


def test_rlhflow_joiner_is_a_field_because_the_sources_differ():
    tokenizer = byte_tokenizer()
    blank_line = dataclasses.replace(CONVENTIONS["rlhflow"], joiner="\n\n")
    encoded = encode(Trajectory("Why?", ("a",)), tokenizer, blank_line, LONG)
    assert "user\nWhy?\n\na<|end|>" in text_of(tokenizer, encoded)


def test_last_token_convention_reads_the_step_itself():
    tokenizer = byte_tokenizer()
    encoded = encode(Trajectory("p", ("abc", "de")), tokenizer, CONVENTIONS["last_token"], LONG)
    assert tokenizer.decode(encoded.tokens[encoded.step_positions]) == "ce"


def test_an_added_token_must_be_added_first():
    tokenizer = byte_tokenizer()
    convention = StepConvention("mine", marker="added_token", marker_text="<step>")
    with pytest.raises(InputError, match="add_special_token"):
        encode(Trajectory("p", ("a",)), tokenizer, convention, LONG)
    marker = tokenizer.add_special_token("<step>")
    encoded = encode(Trajectory("p", ("a",)), tokenizer, convention, LONG)
    assert encoded.tokens[encoded.step_positions].tolist() == [marker]


anything = st.text(min_size=1, max_size=12) | st.sampled_from(
    ["\n", "a\n\nb", "ки", "<extra_0>", "<s>", "<|end|>\n<|start|>assistant\n+", "+", "{step}"]
)


@given(anything, st.lists(anything, min_size=1, max_size=4), st.sampled_from(OF_STEPS))
@settings(max_examples=150, deadline=None)
def test_no_text_can_move_or_forge_a_step_end(problem, steps, name):
    tokenizer, convention = byte_tokenizer(), CONVENTIONS[name]
    encoded = encode(Trajectory(problem, tuple(steps)), tokenizer, convention, LONG)
    assert len(encoded.step_positions) == len(steps)
    # Each position is where its own prefix ends: later steps change nothing before it.
    for index, position in enumerate(encoded.step_positions):
        prefix = encode(Trajectory(problem, tuple(steps[: index + 1])), tokenizer, convention, LONG)
        assert prefix.step_positions[-1] == position
        assert (prefix.tokens[: position + 1] == encoded.tokens[: position + 1]).all()
    # Special tokens are the convention's own, however many the text spells out.
    special = [tokenizer.token_id(mark) for mark in ("<s>", "<|start|>", "<|end|>", "<extra_0>")]
    plain = encode(Trajectory("p", ("a",) * len(steps)), tokenizer, convention, LONG)
    for token in special:
        assert (encoded.tokens == token).sum() == (plain.tokens == token).sum()


@pytest.mark.parametrize("name", OF_STEPS)
def test_truncation_cuts_at_a_step_and_counts_what_is_lost(name):
    tokenizer, convention = byte_tokenizer(), CONVENTIONS[name]
    trajectory = Trajectory("p", ("aaaa", "bbbb", "cccc"), labels=(1.0, None, 0.0))
    whole = encode(trajectory, tokenizer, convention, LONG)
    end = int(whole.step_positions[1]) + 1
    for max_length in (end, int(whole.step_positions[2])):
        cut = encode(trajectory, tokenizer, convention, max_length)
        assert cut.truncated and len(cut.tokens) == end
        assert cut.step_positions.tolist() == whole.step_positions[:2].tolist()
        assert cut.lost_labels == 1 and cut.label_mask.tolist() == [True, False]
    report = EncodeReport()
    report.add(encode(trajectory, tokenizer, convention, end))
    report.add(encode(trajectory, tokenizer, convention, 1))
    assert (report.truncated_trajectories, report.lost_steps, report.lost_labels) == (2, 4, 3)
    assert report.without_label == 1


def test_outcome_supervision_labels_the_last_step_only():
    tokenizer, convention = byte_tokenizer(), CONVENTIONS["trl"]
    trajectory = Trajectory("p", ("a", "b"), labels=(1.0, 1.0), outcome=0.0)
    encoded = encode(trajectory, tokenizer, convention, LONG, supervise="outcome")
    assert encoded.label_mask.tolist() == [False, True] and encoded.labels.tolist() == [0.0, 0.0]
    cut = int(encoded.step_positions[0]) + 1
    assert not encode(trajectory, tokenizer, convention, cut, supervise="outcome").label_mask.any()
    with pytest.raises(InputError, match="outcome"):
        encode(Trajectory("p", ("a",)), tokenizer, convention, LONG, supervise="outcome")


def test_soft_labels_stay_soft():
    trajectory = Trajectory("p", ("a", "b"), labels=(0.9, 0.25))
    encoded = encode(trajectory, byte_tokenizer(), CONVENTIONS["trl"], LONG)
    assert encoded.labels.tolist() == pytest.approx([0.9, 0.25])


def test_verify_alignment_shows_the_token_that_is_scored():
    trajectory = Trajectory("p", ("abc", "d"), labels=(1.0, 0.0))
    report = verify_alignment([trajectory], byte_tokenizer(), CONVENTIONS["trl"], LONG)
    assert report["labels"] == 2 and report["lost_labels"] == 0
    assert [row["at"] for row in report["examples"][0]] == ["\n", "\n"]
    assert report["examples"][0][0]["before"].endswith("abc")


def test_a_convention_round_trips_and_refuses_unknown_fields():
    for known in CONVENTIONS.values():
        assert StepConvention.from_dict(known.to_dict()) == known
    with pytest.raises(InputError, match="colour"):
        StepConvention.from_dict({"name": "x", "colour": "red"})
    with pytest.raises(InputError, match="marker"):
        StepConvention("x", marker="guess")
    for fields in ({"name": "x", "bos": "yes"}, {"name": 1}, {"marker_text": "x"}, []):
        with pytest.raises(InputError):
            StepConvention.from_dict(fields)


@pytest.mark.parametrize("name", OF_SOLUTIONS)
def test_a_solution_is_read_once_at_its_end_and_its_label_is_the_outcome(name):
    tokenizer, convention = byte_tokenizer(), CONVENTIONS[name]
    trajectory = Trajectory("Why?", ("a", "b"), labels=(1.0, 0.0), outcome=1.0)
    encoded = encode(trajectory, tokenizer, convention, LONG)
    assert encoded.step_positions.tolist() == [len(encoded.tokens) - 1]
    assert encoded.n_steps == 1 and encoded.labels.tolist() == [1.0]
    assert "a\nb" in text_of(tokenizer, encoded)
    cut = encode(trajectory, tokenizer, convention, len(encoded.tokens) - 1)
    assert cut.truncated and not len(cut.tokens) and cut.lost_labels == 1
    assert not encode(trajectory, tokenizer, convention, LONG, supervise="nothing").label_mask.any()


@given(anything, st.lists(anything, min_size=1, max_size=4), st.sampled_from(OF_SOLUTIONS))
@settings(max_examples=60, deadline=None)
def test_no_text_can_end_a_solution_early(problem, steps, name):
    tokenizer, convention = byte_tokenizer(), CONVENTIONS[name]
    encoded = encode(Trajectory(problem, tuple(steps)), tokenizer, convention, LONG)
    assert encoded.step_positions.tolist() == [len(encoded.tokens) - 1]
    plain = encode(Trajectory("p", ("a",)), tokenizer, convention, LONG)
    for mark in ("<s>", "<|start|>", "<|end|>", "<extra_0>"):
        token = tokenizer.token_id(mark)
        assert (encoded.tokens == token).sum() == (plain.tokens == token).sum()


def test_the_token_that_pads_is_not_the_last_one():
    tokenizer = byte_tokenizer()
    plain = CONVENTIONS["outcome_plain"]
    encoded = encode(
        Trajectory("p", ("abb",)), tokenizer, dataclasses.replace(plain, pad_token="b"), LONG
    )
    assert tokenizer.decode(encoded.tokens[encoded.step_positions]) == "a"
    assert tokenizer.decode(encoded.tokens[-1:]) == "b"


def test_a_token_without_a_row_of_the_embedding_is_refused():
    tokenizer = byte_tokenizer()
    tokenizer.embedding_rows = tokenizer.vocab_size
    marker = tokenizer.add_special_token("<step>")
    convention = StepConvention("mine", marker="added_token", marker_text="<step>")
    message = rf"has {marker + 1} ids and the embedding {marker} rows, none for '<step>'"
    with pytest.raises(InputError, match=message):
        encode(Trajectory("p", ("a",)), tokenizer, convention, LONG)
    assert len(encode(Trajectory("p", ("a",)), tokenizer, CONVENTIONS["trl"], LONG).tokens)


def test_fields_complete_the_convention_of_their_name_and_are_read_from_json():
    given = '{"name": "trl", "marker_text": "\\n\\n"}'
    wanted = dataclasses.replace(CONVENTIONS["trl"], marker_text="\n\n")
    assert convention(given) == convention(json.loads(given)) == wanted
    assert convention(' {"name": "rlhflow", "joiner": "\\n"}').layout == "turns"
    assert convention({"name": "mine", "bos": None}) == StepConvention("mine")
    assert convention("qwen") is CONVENTIONS["qwen"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tlr", "unknown convention 'tlr'.*known are trl.*JSON"),
        ('{"name": "trl", }', "is not JSON"),
        ("{oops", "is not JSON"),
        ("[]", "must be an object"),
        ('{"name": "trl", "separator": "x"}', "separator.*known are"),
        ('{"marker_text": "x"}', "convention.name.*is missing"),
        ('{"name": "trl", "bos": "yes"}', "convention.bos.*must be"),
        ('{"name": "trl", "marker_text": 3}', "convention.marker_text.*must be str"),
        ('{"name": "trl", "marker_text": ""}', "is empty"),
        ('{"name": "trl", "step": "x"}', "step needs"),
    ],
)
def test_a_convention_that_cannot_be_read_is_one_line(given, message):
    with pytest.raises(InputError, match=message) as error:
        convention(given)
    assert "\n" not in str(error.value)
