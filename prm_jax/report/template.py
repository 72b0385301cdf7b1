"""The HTML of the page as jinja2 templates; what is not marked safe is escaped."""

SOLUTIONS = """
{% macro marks(judged) %}
{% for mark in judged.marks %}
<span class="mark {{ mark.css }}">{{ mark.text }}</span>
{% endfor %}
{% endmacro %}
{% macro nearest(judged) %}
{% if judged.nearest %}
<aside class="nearest"><h4>nearest labelled {{ judged.unit }}s</h4>
<ul>
{% for exemplar in judged.nearest %}
<li><span aria-hidden="true">{{ exemplar.glyph }}</span>
<span class="faint">{{ exemplar.truth }} &#183; {{ exemplar.place }}</span>
<div class="text">{{ exemplar.text }}</div></li>
{% endfor %}
</ul></aside>
{% endif %}
{% endmacro %}
<div class="legend">
<span class="scale" role="img"
  aria-label="Colour scale of step scores, from orange for 0, wrong, over none at the threshold to
  blue for 1, right"
  ><i></i><span>0 wrong</span><span>{{ threshold }}</span><span>1 right</span></span>
<span><span class="mark true">&#9650; true first error</span> from the labels</span>
<span><span class="mark predicted">&#9671; predicted first error</span>
  first score below {{ threshold }}</span>
<span>&#10003; right, &#10007; wrong, &#8901; unknown (labels)</span>
{% if judged %}
<span><span class="mark refused">not admitted</span> the prediction is not to be trusted</span>
{% endif %}
</div>
{% for solution in solutions %}
<article class="solution">
<header>
<span class="badge" title="{{ solution.meaning }}">{{ solution.outcome }}</span
  ><span class="faint">{{ solution.caption }}</span>
<p class="problem">{{ solution.problem }}</p>
{{ marks(solution) }}
{{ nearest(solution) }}
</header>
<ol class="steps">
{% for step in solution.steps %}
<li class="step {{ step.css }}" style="--w:{{ step.tint }}%">
<span class="number" title="step {{ step.number }}: {{ step.truth }}">{{ step.number }}
  <span aria-hidden="true">{{ step.glyph }}</span
  ><span class="hidden">{{ step.truth }}</span></span>
<div class="body"><div><div class="text">{{ step.text }}</div>
{% if step.is_true %}
<span class="mark true" title="the first wrong step by the labels">&#9650; true first error</span>
{% endif %}
{% if step.is_predicted %}
<span class="mark predicted" title="the first step scored below {{ threshold }}"
  >&#9671; predicted first error</span>
{% endif %}
{{ marks(step) }}
</div>
{{ nearest(step) }}
</div>
<span class="score" title="{{ step.title }}">{{ step.score }}
{%- if step.percent is not none %}
<span class="meter"><i style="width:{{ step.percent }}%"></i></span>{% endif %}</span>
</li>
{% endfor %}
</ol>
{% if solution.answer is not none or solution.gold is not none %}
<footer>
{% if solution.answer is not none %}answer: <strong>{{ solution.answer }}</strong>{% endif %}
{% if solution.gold is not none %} &#8195;gold: <strong>{{ solution.gold }}</strong>{% endif %}
</footer>
{% endif %}
</article>
{% endfor %}
"""

MACROS = """
{% macro figures(plots) %}
<div class="plots">{% for plot in plots %}<figure>{{ plot.svg }}</figure>{% endfor %}</div>
{% endmacro %}
{% macro result_table(table) %}
<div class="scroll" tabindex="0"><table>
<caption>{{ table.title }}</caption>
<thead><tr>
<th scope="col">{{ table.row_heading }}</th>
{% for metric in table.metrics %}
<th scope="col" title="{{ metric.explanation }}">{{ metric.name }}{{ ', %' if metric.percent }}
  <span aria-hidden="true">{{ '\N{UPWARDS ARROW}' if metric.higher_is_better
    else '\N{DOWNWARDS ARROW}' }}</span
  ><span class="hidden">{{ 'higher' if metric.higher_is_better else 'lower' }} is better</span></th>
{% endfor %}
</tr></thead>
<tbody>
{% for line in table.lines %}
<tr{% if table.compared %} class="{{ line.role }}"{% endif %}>
<th scope="row">{{ line.method }}
{%- if line.role == 'reference' %} <span class="faint">(reference)</span>{% endif %}</th>
{% for cell in line.cells %}
<td{% if cell.value is not none %} data-value="{{ cell.value }}"{% endif %}
  ><span{% if cell.best %} class="best" title="best of its column"{% endif %}>{{ cell.text }}</span>
{%- if cell.interval %} <span class="interval">{{ cell.interval }}</span>{% endif %}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table></div>
{% for metric in table.explained %}
<p class="faint"><strong>{{ metric.name }}</strong>: {{ metric.explanation }}</p>
{% endfor %}
{% if table.note %}<p class="faint">{{ table.note }}</p>{% endif %}
{% if table.plots %}{{ figures(table.plots) }}{% endif %}
{% endmacro %}
"""

LAYOUT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body class="prm">
<header>
<h1>{{ title }}</h1>
{% for sentence in summary %}
<p>{{ sentence }}</p>
{% endfor %}
{% if headline %}
<p class="verdict {{ 'ahead' if headline.ahead else 'short' }}">{{ headline.sentence }}</p>
{% endif %}
{% if tiles %}
<div class="tiles">
{% for tile in tiles %}
<div class="tile"><h3>{{ tile.name }}</h3><span class="big">{{ tile.value }}</span>
{%- for note in tile.notes %}<span class="faint">{{ note }}</span>{% endfor %}</div>
{% endfor %}
</div>
{% endif %}
<nav aria-label="Sections">
{% for name, heading in sections %}
<a href="#{{ name }}">{{ heading }}</a>
{% endfor %}
</nav>
</header>
<main>
{% block main %}{% endblock %}
{% if details %}
<h2 id="details">How to reproduce this</h2>
{% for group in details %}
{% if group.text is not none %}
<details><summary>{{ group.title }}</summary><pre>{{ group.text }}</pre></details>
{% else %}
<div class="scroll" tabindex="0"><table class="facts">
<caption>{{ group.title }}</caption>
<thead class="hidden"><tr><th scope="col">name</th><th scope="col">value</th></tr></thead>
<tbody>
{% for name, value in group.facts %}
<tr><th scope="row">{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
</tbody>
</table></div>
{% endif %}
{% endfor %}
{% endif %}
</main>
<footer class="faint">Written by prm_jax. One file, nothing loaded from elsewhere.</footer>
</body>
</html>
"""

PAGE = """{% extends "layout" %}
{% from "macros" import figures, result_table %}
{% block main %}
{% if tables %}
<h2 id="results">Results</h2>
<p class="faint">Brackets hold 95 % intervals. The best figure of a column is underlined; rows
marked as reference take no part.</p>
{% for table in tables %}
{{ result_table(table) }}
{% endfor %}
{% endif %}
{% if selection %}
<h2 id="selection">Choosing among N solutions</h2>
<p class="faint">Bands are 95 % intervals.</p>
{{ figures(selection) }}
{% endif %}
{% if quality %}
<h2 id="scores">Step scores</h2>
<p class="faint">A step score is the probability the model gives to the step being right. In the
reliability diagram the steps are split by score into ten equal groups; each point is a group, its
bar the 95 % Wilson interval.</p>
{{ figures(quality) }}
{% endif %}
{% if solutions_html %}
<h2 id="solutions">Solutions, step by step</h2>
{% if solutions_note %}<p>{{ solutions_note }}</p>{% endif %}
{% if outcomes %}
<div class="scroll" tabindex="0"><table class="facts outcomes">
<caption>All scored solutions by outcome</caption>
<thead><tr>
<th scope="col">outcome</th><th scope="col">meaning</th><th scope="col">solutions</th>
</tr></thead>
<tbody>
{% for outcome, meaning, count, share in outcomes %}
<tr><th scope="row">{{ outcome }}</th><td>{{ meaning }}</td>
<td>{{ count }} ({{ share }} %)</td></tr>
{% endfor %}
</tbody>
</table></div>
{% endif %}
{{ solutions_html }}
{% endif %}
{% if training %}
<h2 id="training">Training</h2>
{{ figures(training) }}
{% endif %}
{% endblock %}
"""
