"""The page: self-contained, balanced, escaped, and it says what it was given."""

import re

import pytest
from html_tree import parse

from prm_jax.errors import InputError
from prm_jax.report import ResultRow, ResultTable, page, solutions_html, write_report
from prm_jax.report.contents import Curve, Estimate, Metric, Panel
from prm_jax.report.steps import ScoredSolution

EVIL = '<script>alert("1")</script>&\'$x_{$'


@pytest.fixture
def root(tmp_path, content):
    return parse(write_report(tmp_path / "r.html", **content).read_text(encoding="utf-8"))


def test_tags_balance_and_ids_are_unique(root):
    names = [n.attributes["id"] for n in root.find_all() if "id" in n.attributes]
    assert len(names) == len(set(names))
    assert {"results", "selection", "scores", "solutions", "training", "details"} <= set(names)


def test_every_reference_stays_on_the_page(tmp_path, content):
    html = write_report(tmp_path / "r.html", **content).read_text(encoding="utf-8")
    root = parse(html)
    names = {n.attributes["id"] for n in root.find_all() if "id" in n.attributes}
    for node in root.find_all():
        for key in ("src", "href", "xlink:href", "data", "action", "srcset"):
            if key in node.attributes:
                assert node.attributes[key][0] == "#" and node.attributes[key][1:] in names
    for target in re.findall(r"url\(([^)]*)\)", html):
        assert target[0] == "#" and target[1:] in names
    assert not re.search(r"@import|https?://", html)
    assert not root.find_all("script") and not root.find_all("link")
    # A browser is told to load and run nothing, whatever a text would bring in.
    policies = [n for n in root.find_all("meta") if "http-equiv" in n.attributes]
    assert [n.attributes["content"] for n in policies] == [
        "default-src 'none'; style-src 'unsafe-inline'"
    ]


def test_text_is_escaped_wherever_it_comes_from(tmp_path, content):
    metric = Metric(EVIL, explanation=EVIL)
    evil_table = ResultTable(
        EVIL,
        (metric,),
        (
            ResultRow(EVIL, {EVIL: Estimate(0.5, 0.4, 0.6)}, "model"),
            ResultRow(f"2{EVIL}", {EVIL: Estimate(0.1)}),
        ),
        note=EVIL,
        row_heading=EVIL,
    )
    panel = Panel(EVIL, EVIL, EVIL, (Curve(EVIL, [1, 2], [1, 2]), Curve(EVIL, [1, 2], [2, 1])))
    solution = ScoredSolution(
        EVIL, (EVIL,), (0.2,), (0.0,), 0, 0, answer=EVIL, gold=EVIL, family=EVIL, id=EVIL
    )
    content |= {
        "title": EVIL,
        "summary": [EVIL],
        "tables": [evil_table],
        "training": [panel],
        "selection": [panel],
        "solutions": [solution],
        "solutions_note": EVIL,
        "details": {EVIL: {EVIL: EVIL}, f"2{EVIL}": EVIL},
    }
    html = write_report(tmp_path / "r.html", **content).read_text(encoding="utf-8")
    root = parse(html)
    assert "<script" not in html and not root.find_all("script")
    assert root.find_all("h1")[0].text == EVIL
    assert EVIL in root.find_all("div", "text")[0].text
    assert "<script" not in solutions_html([solution])


def test_table_prints_the_given_numbers(root, table):
    head, *body = root.find_all("table")[0].find_all("tr")
    headings = [" ".join(cell.text.split()) for cell in head.find_all("th")]
    assert headings == [
        "method",
        "first-error F1, % \N{UPWARDS ARROW}higher is better",
        "step AUROC \N{UPWARDS ARROW}higher is better",
    ]
    for line, row in zip(body, table.rows, strict=True):
        assert line.find_all("th")[0].text == row.method
        for cell, metric in zip(line.find_all("td"), table.metrics, strict=True):
            if metric.name in row.estimates:
                assert float(cell.attributes["data-value"]) == row.estimates[metric.name].value
            else:
                assert "data-value" not in cell.attributes
    texts = [[cell.text for cell in line.find_all("td")] for line in body]
    assert texts == [
        ["71.2 [68.1, 75.2]", "0.932 [0.921, 0.944]"],
        ["11.1 [9.0, 13.0]", "0.502 [0.480, 0.520]"],
        ["0.0 [0.0, 0.0]", "\N{EN DASH}"],
    ]


def test_the_best_of_each_column_is_marked_and_references_take_no_part(tmp_path):
    brier = Metric("Brier", percent=False, higher_is_better=False)
    rows = (
        ResultRow("PRM", {"F1": Estimate(0.7), "Brier": Estimate(0.2)}, "model"),
        ResultRow("random", {"F1": Estimate(0.1), "Brier": Estimate(0.1)}),
        ResultRow("oracle", {"F1": Estimate(1.0), "Brier": Estimate(0.0)}, "reference"),
    )
    tables = [ResultTable("t", (Metric("F1"), brier), rows)]
    root = parse(write_report(tmp_path / "r.html", title="t", tables=tables).read_text("utf-8"))
    assert [node.text for node in root.find_all(css="best")] == ["70.0", "0.100"]


def test_a_breakdown_of_one_model_has_no_best_row(tmp_path):
    rows = tuple(
        ResultRow(name, {"F1": Estimate(v)}, "model") for name, v in (("a", 0.7), ("b", 0.6))
    )
    tables = [ResultTable("t", (Metric("F1"),), rows, row_heading="family")]
    root = parse(write_report(tmp_path / "r.html", title="t", tables=tables).read_text("utf-8"))
    assert not root.find_all(css="best") and not root.find_all("tr", "model")


def test_every_step_has_its_text_and_score(root, solutions):
    articles = root.find_all("article")
    assert len(articles) == len(solutions)
    for article, solution in zip(articles, solutions, strict=True):
        lines = article.find_all("li")
        assert len(lines) == len(solution.steps)
        for line, text, score in zip(lines, solution.steps, solution.scores, strict=True):
            assert line.find_all("div", "text")[0].text.startswith(text)
            shown = line.find_all("span", "score")[0]
            if score is None:
                assert shown.text == "\N{EN DASH}" and "unscored" in line.attributes["class"]
            else:
                assert shown.text == f"{score:.2f}"
                assert float(shown.attributes["title"].removeprefix("score ")) == score


def test_tint_grows_with_the_distance_from_one_half(root, solutions):
    for article, solution in zip(root.find_all("article"), solutions, strict=True):
        for line, score in zip(article.find_all("li"), solution.scores, strict=True):
            if score is not None:
                tint = float(line.attributes["style"].removeprefix("--w:").removesuffix("%"))
                assert tint == pytest.approx(200 * abs(score - 0.5), abs=0.051)
                assert ("leans-right" in line.attributes["class"]) == (score >= 0.5)


def test_colour_turns_at_the_threshold():
    scores = (0.2, 0.69, 0.7, 0.85, 1.0)
    solution = ScoredSolution("p", tuple("abcde"), scores, (None,) * 5, None, 0)
    root = parse(solutions_html([solution], threshold=0.7))
    lines = root.find_all("li")
    leans_right = ["leans-right" in line.attributes["class"] for line in lines]
    assert leans_right == [False, False, True, True, True]
    tints = [float(line.attributes["style"][4:-1]) for line in lines]
    assert tints == pytest.approx([100 * 0.5 / 0.7, 100 * 0.01 / 0.7, 0, 50, 100], abs=0.051)
    assert [s.text for s in root.find_all("span", "scale")[0].find_all("span")][1] == "0.7"
    for threshold in (0.0, 1.0):  # with nothing on one side
        solutions_html([solution], threshold)


def test_true_and_predicted_errors_are_marked_at_their_steps_only(root, solutions):
    for article, solution in zip(root.find_all("article"), solutions, strict=True):
        lines = article.find_all("li")
        true = [i for i, line in enumerate(lines) if line.find_all(css="true")]
        predicted = [i for i, line in enumerate(lines) if line.find_all(css="predicted")]
        assert true == [i for i in [solution.first_error] if i >= 0]
        assert predicted == [i for i in [solution.predicted] if i >= 0]
        assert article.find_all(css="badge")[0].text == solution.outcome


def test_a_solution_is_introduced_by_where_it_comes_from(root):
    captions = [article.find_all(css="faint")[0].text for article in root.find_all("article")]
    assert captions[0] == " \N{MIDDLE DOT} ".join(
        ["arithmetic", "a-1", "3 steps", "kind of error: dropped carry"]
    )
    assert captions[2] == "1 step"


def test_labels_are_told_in_words(root):
    said = [li.find_all(css="hidden")[0].text for li in root.find_all("article")[0].find_all("li")]
    assert said == ["right", "wrong", "truth unknown"]


def test_all_scores_null_still_gives_a_page(tmp_path):
    solution = ScoredSolution("p", ("a", "b"), (None, None), (None, None), None, -1)
    root = parse(
        write_report(tmp_path / "r.html", title="t", solutions=[solution]).read_text("utf-8")
    )
    assert [n.text for n in root.find_all("li")[0].find_all("span", "score")] == ["\N{EN DASH}"]
    assert root.find_all(css="badge")[0].text == "unknown"


def test_sections_without_content_are_left_out(tmp_path):
    root = parse(write_report(tmp_path / "r.html", title="only a title").read_text("utf-8"))
    assert not root.find_all("h2") and not root.find_all("table")


def test_headline_follows_the_numbers(tmp_path, content, table):
    weak = ResultRow("PRM", {"first-error F1": Estimate(0.12, 0.08, 0.16)}, "model")
    content["tables"] = [ResultTable(table.title, table.metrics, (weak, *table.rows[1:]))]
    root = parse(write_report(tmp_path / "r.html", **content).read_text("utf-8"))
    verdict = root.find_all("p", "verdict")[0]
    assert (
        "does not beat every baseline" in verdict.text
        and "not separable from random" in verdict.text
    )
    assert "short" in verdict.attributes["class"]


def test_same_input_gives_the_same_bytes(tmp_path, content):
    first = write_report(tmp_path / "a.html", **content).read_bytes()
    assert first == write_report(tmp_path / "b.html", **content).read_bytes()
    assert len(first) < page.MAX_BYTES


def test_a_page_over_the_limit_is_refused_and_the_old_one_stays(tmp_path, content, monkeypatch):
    path = write_report(tmp_path / "r.html", **content)
    before = path.read_bytes()
    monkeypatch.setattr(page, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match=r"r\.html.*fewer solutions"):
        write_report(path, **content)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_long_texts_are_cut_and_say_so(tmp_path):
    solution = ScoredSolution("p", ("x" * 5_000,), (0.5,), (None,), None, -1)
    html = write_report(tmp_path / "r.html", title="t", solutions=[solution]).read_text("utf-8")
    assert "(1,000 more characters)" in html and "x" * 4_001 not in html


def test_a_lone_surrogate_does_not_stop_the_page(tmp_path):
    solution = ScoredSolution("p", ("a\ud800b",), (0.5,), (None,), None, -1)
    html = write_report(tmp_path / "r.html", title="t", solutions=[solution]).read_text("utf-8")
    assert "a?b" in html
