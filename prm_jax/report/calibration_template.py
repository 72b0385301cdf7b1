"""The HTML of the calibration page as a jinja2 template."""

CALIBRATION = """{% extends "layout" %}
{% from "macros" import figures, result_table %}
{% block main %}
<h2 id="admission">What is admitted</h2>
{% if cells %}
<div class="scroll" tabindex="0"><table>
<caption>Accuracy of admitted {{ unit }}s; {{ alpha }} % was asked for</caption>
<thead><tr><th scope="col">admitted {{ unit }}s</th><th scope="col">{{ unit }}s</th>
<th scope="col">right predictions</th><th scope="col">verdict</th></tr></thead>
<tbody>
{% for cell in cells %}
<tr><th scope="row">{{ cell.name }}</th><td>{{ cell.rows }}</td>
<td{% if cell.value is not none %} data-value="{{ cell.value }}"{% endif %}>{{ cell.accuracy }}</td>
<td title="{{ cell.meaning }}">{{ cell.verdict }}</td></tr>
{% endfor %}
</tbody>
</table></div>
<p class="faint">{% for verdict, meaning in verdicts %}<strong>{{ verdict }}</strong>: {{ meaning }}
{{- '; ' if not loop.last else '. ' }}{% endfor %}
Brackets hold exact 95 % intervals (Clopper and Pearson). They take {{ unit }}s as independent;
those of one problem are not, so the intervals are too narrow where problems have many.</p>
{% else %}
<p>No {{ unit }} of the input has {{ truth }}, so the accuracy of what is admitted, the reliability
diagram and the risk-coverage curve cannot be shown.</p>
{% endif %}
<div class="scroll" tabindex="0"><table class="facts outcomes">
<caption>Why {{ unit }}s are admitted or not</caption>
<thead><tr><th scope="col">reason</th><th scope="col">meaning</th><th scope="col">{{ unit }}s</th>
{% if cells %}<th scope="col">right predictions</th>{% endif %}</tr></thead>
<tbody>
{% for row in reasons %}
<tr><th scope="row">{{ row.reason }}</th><td>{{ row.meaning }}</td>
<td class="count">{{ row.count }} ({{ row.share }} %)</td>
{% if cells %}<td class="count">{{ row.accuracy }}</td>{% endif %}</tr>
{% endfor %}
</tbody>
</table></div>
<div class="scroll" tabindex="0"><table>
<caption>Levels of accuracy and what they admit</caption>
<thead><tr><th scope="col">level</th><th scope="col">calibration {{ unit }}s in its region</th>
<th scope="col">{{ unit }}s it admits</th>
{% if cells %}<th scope="col">right predictions</th>{% endif %}</tr></thead>
<tbody>
{% for row in levels %}
<tr><th scope="row">{{ row.level }}</th><td>{{ row.rows }}</td><td>{{ row.count }}</td>
{% if cells %}<td>{{ row.accuracy }}</td>{% endif %}</tr>
{% endfor %}
</tbody>
</table></div>
<p class="faint">A level admits what no higher one does. Below the level that was asked for,
{{ alpha }} %, {{ unit }}s do not count as admitted.</p>
{% if compared %}
<div class="scroll" tabindex="0"><table>
<caption>What each method admits, and its right predictions in %</caption>
<thead><tr><th scope="col">method</th><th scope="col">admitted, %</th>
{% for cell in compared[0].cells %}<th scope="col">{{ cell.name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in compared %}
<tr{% if loop.first %} class="model"{% endif %}><th scope="row">{{ row.name }}</th>
<td>{{ row.share }}</td>
{% for cell in row.cells %}
<td>{{ cell.share }}
{%- if cell.value is not none %} {{ cell.verdict }}<br>
<span class="interval">{{ cell.interval }} of {{ cell.rows }}</span>{% endif %}</td>
{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
{% endif %}
{% if quality %}
<h2 id="quality">Probabilities and ranking</h2>
<p class="faint">In the reliability diagram the {{ unit }}s with a label are split by the
probability of their prediction into bins of equal mass, equal ones staying together. Risk and
coverage are those of admitting {{ unit }}s from the highest probability down.</p>
{{ figures(plots) }}
{{ result_table(quality) }}
{% endif %}
{% if solutions_html %}
<h2 id="solutions">Solutions, step by step</h2>
<p>{{ solutions_note }}</p>
{{ solutions_html }}
{% endif %}
{% endblock %}
"""
