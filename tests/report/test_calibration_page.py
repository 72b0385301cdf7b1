"""The page of a judged file: the given numbers, labels or none, nearest exemplars, escaped."""

import dataclasses

import numpy as np
import pytest
from html_tree import parse

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.report.calibration_page import write_calibration_page
from prm_jax.report.judged_rows import judged_rows

EVIL = "<script>alert('1')</script>&"
META = {
    "hyper": {"alpha": 0.8},
    "input_sha256": "of the input",
    "calibration_sha256": "of the calibration file",
    "regions": [
        {"alpha": 0.8, "q_min": 3.0, "psi": [0.8, 0.9], "rows": [120, 130]},
        {"alpha": 0.6, "q_min": 1.0, "psi": [0.6, 0.6], "rows": [150, 170]},
    ],
    "without_region": [{"alpha": 0.9, "reason": "too few rows", "rows": [4, 5]}],
}
LABELLED = [
    Trajectory("1+1", ("so 2", "so 3"), labels=(1, 0), id="known"),
    Trajectory("2+2", (EVIL,), labels=(1,), outcome=1.0, id="evil"),
]


def line(name, right, admitted, **columns):
    """A judged line; `right` per step, the reason and the level follow from `admitted`."""
    prediction = [None if p is None else int(p >= 0.5) for p in right]
    return {
        "id": name,
        "step_scores": right,
        "prediction": prediction,
        "probability": [None if p is None else max(p, 1 - p) for p in right],
        "q": [None if p is None else 7.0 for p in right],
        "d": [None if p is None else 0.5 for p in right],
        "region": [None if a is None else 0.8 * a for a in admitted],
        "admitted": admitted,
        "reason": [{None: None, True: "admitted", False: "zero similarity"}[a] for a in admitted],
        "nearest": [None if a is None else [["known", 1], ["evil", 0]] for a in admitted],
    } | columns


def solutions():
    return [
        Trajectory("3+4", ("3+4=7", "so 7"), labels=(1, 1), id="a"),
        Trajectory("5+6", ("5+6=12", "so 12", "end"), labels=(0, None, None), id="b"),
        Trajectory("1*2", ("1*2=2",), labels=(1,), id="c"),
    ]


def judged_lines():
    return [
        line("a", [0.9, 0.7], [True, False]),
        line("b", [0.2, 0.4, None], [True, False, None]),
        line("c", [0.1], [True]),
    ]


trajectories, lines = pytest.fixture(solutions), pytest.fixture(judged_lines)


def written(folder, *given, **options):
    return write_calibration_page(folder / "page.html", *given, **options).read_text("utf-8")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return parse(written(folder, solutions(), judged_lines(), META, labelled=LABELLED))


def articles(root):
    """The shown solutions by their problem."""
    return {a.find_all("p", "problem")[0].text: a for a in root.find_all("article")}


def table(root, caption):
    """The body rows of the table whose caption begins so, each as its texts."""
    for node in root.find_all("table"):
        if node.find_all("caption")[0].text.startswith(caption):
            body = node.find_all("tbody")[0].find_all("tr")
            return [[" ".join(x.text.split()) for x in row.children] for row in body]
    return None


def test_admitted_steps_are_counted_by_label_and_by_prediction(root):
    rows = {row[0]: row[1:] for row in table(root, "Accuracy of admitted steps; 80 %")}
    assert rows["all admitted"][:2] == ["3", "66.7 % [9.4, 99.2]"]
    assert rows["truly right"][0] == "2" and rows["truly right"][1].startswith("50.0 %")
    assert rows["predicted right"][0] == "1" and rows["predicted right"][2] == "holds"
    assert rows["predicted wrong"][0] == "2" and rows["predicted wrong"][2] == "within"
    assert "Admitted steps with a label: 75.0 %" in root.find_all("p", "verdict")[0].text


def test_reasons_and_levels_add_up_to_all_judged_steps(root):
    reasons = {row[0]: row[2:] for row in table(root, "Why steps are admitted or not")}
    assert reasons["admitted"] == ["3 (60.0 %)", "66.7 % [9.4, 99.2]"]
    assert reasons["zero similarity"] == ["2 (40.0 %)", "100.0 % [2.5, 100.0]"]
    levels = table(root, "Levels of accuracy")
    assert [row[0] for row in levels] == ["0.9", "0.8", "0.6"]
    assert [row[2] for row in levels] == ["too few rows", "3", "0"]
    assert levels[1][1] == "120 wrong, 130 right"
    summary = " ".join(node.text for node in root.find_all("p")[:4])
    assert "5 steps of 3 solutions" in summary and "did not fit: 1." in summary
    assert "4 steps have a label" in summary


def test_flagged_steps_stand_beside_their_exemplars_and_no_others(root):
    steps = {problem: a.find_all("li", "step") for problem, a in articles(root).items()}
    flagged = {
        problem: [bool(step.find_all("aside")) for step in of] for problem, of in steps.items()
    }
    # Right and admitted; not admitted; admitted and predicted wrong; not admitted; not judged.
    assert flagged == {"3+4": [False, True], "5+6": [True, True, False], "1*2": [True]}
    said = " ".join(steps["3+4"][1].find_all("aside")[0].text.split())
    assert said.startswith("nearest labelled steps \N{BALLOT X} wrong \N{MIDDLE DOT} known, step 2")
    assert "so 3" in said and EVIL in said
    marks = [step.find_all("span", "mark")[-1].text for step in steps["3+4"]]
    assert marks == ["predicted right with 0.900, admitted at 0.8", "not admitted: zero similarity"]


def test_figures_have_the_given_bins(root):
    said = [node.attributes["aria-label"] for node in root.find_all("svg")]
    assert "0.70: 1.00; 0.80: 1.00; 0.90: 0.50" in said[0] and said[1].startswith("Risk and cov")
    (row,) = table(root, "Probabilities")
    assert row[0] == "SDM" and row[1] == "75.0"


def test_without_labels_the_page_says_so_and_measures_nothing(tmp_path, trajectories, lines):
    bare = [dataclasses.replace(t, labels=None) for t in trajectories]
    root = parse(written(tmp_path, bare, lines, META))
    assert "No step of the input has a label" in root.find_all("main")[0].text
    assert table(root, "Accuracy of admitted") is None and table(root, "Probabilities") is None
    assert len(table(root, "Why steps")[0]) == 3
    assert not root.find_all("svg") and not root.find_all("p", "verdict")
    assert not root.find_all("aside") and len(articles(root)) == 3


def test_baselines_stand_in_the_same_table_and_figures(tmp_path, trajectories, lines):
    names = ["always right", *(f"as before {n}" for n in range(4))]
    for row in lines:
        there = [None if value is None else 1 for value in row["prediction"]]
        half = [value and 0.5 for value in there]
        always = dict(prediction=there, probability=half, score=half, admitted=there)
        row["baselines"] = {name: always for name in names}
    root = parse(written(tmp_path, trajectories, lines, META))
    sdm, other, *_ = table(root, "What each method admits")
    assert sdm[:2] == ["SDM", "75.0"] and other[:2] == ["always right", "100.0"]
    assert other[2] == "75.0 within [19.4, 99.4] of 4"
    assert [row[0] for row in table(root, "Probabilities")] == ["SDM", *names]
    # Five beside the model are too many for one figure, which has six colours.
    said = [node.attributes["aria-label"] for node in root.find_all("svg")]
    assert ["as before 3" in text for text in said] == [False, True, False, True]
    assert all("SDM" in text for text in said)
    lines[1]["baselines"] = {"always right": dict(always, score=[0.5])}
    with pytest.raises(InputError, match="'b' has other baselines than the first"):
        written(tmp_path, trajectories, lines, META)
    lines[1]["baselines"] = {name: dict(always, score=[0.5]) for name in names}
    with pytest.raises(InputError, match="'b' has not one value a step"):
        written(tmp_path, trajectories, lines, META)


def test_solutions_judged_as_a_whole_are_measured_by_outcome(tmp_path, trajectories, lines):
    whole = [
        {name: values[0] if isinstance(values, list) else values for name, values in row.items()}
        | {"nearest": ["evil"], "score": row["step_scores"][0]}
        for row in lines
    ]
    for row in whole:
        del row["step_scores"]
    outcomes = [dataclasses.replace(t, outcome=1.0) for t in trajectories]
    whole[2] = dict.fromkeys(whole[2]) | {"id": "c"}  # one did not fit
    root = parse(written(tmp_path, outcomes, whole, META, labelled=LABELLED))
    rows = {row[0]: row[1:] for row in table(root, "Accuracy of admitted solutions")}
    assert rows["all admitted"][:2] == ["2", "50.0 % [1.3, 98.7]"]
    asides = {problem: a.find_all("aside") for problem, a in articles(root).items()}
    assert {problem: len(of) for problem, of in asides.items()} == {"3+4": 0, "5+6": 1, "1*2": 0}
    assert {node.text for node in root.find_all(css="badge")} == {"right"}
    assert "2+2" in asides["5+6"][0].text
    assert "No solution of the input has an outcome" in written(
        tmp_path, trajectories, whole, META
    ).replace("\n", " ")


def test_nothing_judged_gives_a_page(tmp_path, trajectories, lines):
    none = [line(t.id, [None] * len(t.steps), [None] * len(t.steps)) for t in trajectories]
    root = parse(written(tmp_path, trajectories, none, META))
    assert "did not fit: 6." in " ".join(node.text for node in root.find_all("p"))
    assert not root.find_all("aside")


def test_measuring_on_the_calibration_file_is_said(tmp_path, root, trajectories, lines):
    same = META | {"input_sha256": META["calibration_sha256"]}
    warning = "is the calibration file itself"
    assert warning in written(tmp_path, trajectories, lines, same)
    assert not any(warning in node.text for node in root.find_all("p"))


def test_all_rejected_is_said(tmp_path, trajectories, lines):
    for row in lines:
        row["admitted"] = [a and False for a in row["admitted"]]
    root = parse(written(tmp_path, trajectories, lines, META | {"regions": []}))
    verdict = root.find_all("p", "verdict")[0]
    assert verdict.text == "No step with a label is admitted."
    cells = root.find_all("table")[0].find_all("tr")[1:]
    assert cells and not any("rejected" in cell.text for cell in cells)
    assert "No region reaches that" in " ".join(node.text for node in root.find_all("p"))


def test_text_is_escaped_and_ids_are_unique(tmp_path, trajectories, lines):
    evil = [dataclasses.replace(t, problem=EVIL) for t in trajectories]
    html = written(tmp_path, evil, lines, META, labelled=LABELLED, title=EVIL)
    root = parse(html)
    assert "<script" not in html and root.find_all("h1")[0].text == EVIL
    names = [node.attributes["id"] for node in root.find_all() if "id" in node.attributes]
    assert len(names) == len(set(names))
    links = {node.attributes["href"][1:] for node in root.find_all("a")}
    assert links == {"admission", "quality", "solutions", "details"} <= set(names)


def test_rows_keep_their_place_when_a_step_did_not_fit(trajectories, lines):
    rows = judged_rows(trajectories, lines)
    assert rows.at == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)] and rows.missing == 1
    assert rows.label.tolist() == [1, 1, 0, -1, 1]
    labelled = rows.labelled()
    np.testing.assert_allclose(labelled.of_prediction, [0.9, 0.7, 0.8, 0.9])
    assert labelled.correct.tolist() == [True, True, True, False]


def test_lines_of_other_solutions_or_without_a_column_are_refused(tmp_path, trajectories, lines):
    first, *rest = lines
    unscored = {name: values for name, values in first.items() if name != "step_scores"}
    whole = first | {"q": 1.0}
    short = first | {"q": [1.0]}
    for wrong in ([first], lines[::-1], [], *([row, *rest] for row in (unscored, whole, short))):
        with pytest.raises(InputError):
            written(tmp_path, trajectories, wrong, META)
    assert list(tmp_path.iterdir()) == []
