"""The style sheet of the page: light and dark, phone, print; every colour is a variable of `.prm`.

Right and wrong are blue and orange, which readers with any common colour blindness tell apart; a
  step's tint is mixed
from its score without jumps, and every tinted thing also carries its number or a word.
"""

STYLE = """
.prm {
  color-scheme: light dark;
  --page: #ffffff; --card: #ffffff; --soft: #f4f5f7; --ink: #1c2128; --faint: #57606a; --line:
    #d5d9de; --grid: #e3e6ea;
  --right: #1f6fd1; --wrong: #c95100; --tint: 0.42; --accent: #1f5fb4;
  --series-1: #1f6fd1; --series-2: #c95100; --series-3: #6b7280; --series-4: #0b7a5c; --series-5:
    #8a3fa0; --series-6: #8a6d00;
  color: var(--ink); background: var(--page); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
    font-size: 16px;
}
@media (prefers-color-scheme: dark) {
  .prm {
    --page: #101418; --card: #171c22; --soft: #1d232a; --ink: #eceff3; --faint: #a3adb8; --line:
      #363e48; --grid: #2b323a;
    --right: #5aa2f5; --wrong: #f08a3c; --tint: 0.4; --accent: #82b4f5;
    --series-1: #5aa2f5; --series-2: #f08a3c; --series-3: #a3adb8; --series-4: #3fc79a;
      --series-5: #cf8fe3; --series-6: #d9b93b;
  }
}
body.prm { margin: 0; }
.prm * { box-sizing: border-box; }
.prm main, .prm header, .prm footer { max-width: 1040px; margin: 0 auto; padding: 0 20px; }
.prm header { padding-top: 28px; }
.prm h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 10px; }
.prm h2 { font-size: 1.25rem; margin: 44px 0 10px; padding-top: 12px; border-top: 1px solid
  var(--line); }
.prm h3 { font-size: 1rem; margin: 0 0 4px; }
.prm p { margin: 8px 0; max-width: 46rem; }
.prm a { color: var(--accent); }
.prm .faint { color: var(--faint); font-size: 0.875rem; }
.prm nav { margin: 14px 0 0; font-size: 0.875rem; }
.prm nav a { margin-right: 14px; white-space: nowrap; }
.prm .verdict { border-left: 5px solid var(--line); background: var(--soft); padding: 12px 16px;
  margin: 16px 0; border-radius: 0 6px 6px 0; font-weight: 600; }
.prm .verdict.ahead { border-color: var(--right); }
.prm .verdict.short { border-color: var(--wrong); }
.prm .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap:
  12px; margin: 16px 0; }
.prm .tile { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; background:
  var(--card); }
.prm .tile .big { font-size: 1.75rem; font-weight: 650; line-height: 1.2; font-variant-numeric:
  tabular-nums; }
.prm .tile .faint { display: block; }
.prm .scroll { overflow-x: auto; margin: 10px 0; --there: color-mix(in srgb, var(--ink) 32%,
  transparent); background:
  linear-gradient(to right, var(--page) 12px, transparent) left / 44px 100% no-repeat local,
  linear-gradient(to left, var(--page) 12px, transparent) right / 44px 100% no-repeat local,
  linear-gradient(to right, var(--there), transparent) left / 16px 100% no-repeat scroll,
  linear-gradient(to left, var(--there), transparent) right / 16px 100% no-repeat scroll; }
.prm .scroll::-webkit-scrollbar { height: 9px; }
.prm .scroll::-webkit-scrollbar-thumb { background: var(--faint); border-radius: 5px; }
.prm table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
.prm caption { text-align: left; font-weight: 600; padding: 0 0 6px; }
.prm th, .prm td { padding: 7px 12px; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; }
.prm thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; font-size: 0.875rem; }
.prm th:first-child, .prm td:first-child, .prm .facts td, .prm .facts th { text-align: left; }
.prm tbody th { font-weight: 500; }
.prm td { font-variant-numeric: tabular-nums; white-space: nowrap; }
.prm td .interval { color: var(--faint); font-size: 0.8125rem; }
.prm tr.model { background: color-mix(in srgb, var(--ink) 5%, transparent); }
.prm tr.model th { font-weight: 700; }
.prm .best { font-weight: 700; text-decoration: underline; text-underline-offset: 3px;
  text-decoration-thickness: 1px; }
.prm .facts th:first-child { width: 11rem; }
.prm .outcomes { width: auto; }
.prm .facts td { white-space: normal; overflow-wrap: anywhere; }
.prm .facts td.count { white-space: nowrap; }
.prm .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px),
  1fr)); gap: 14px 26px; margin: 14px 0; align-items: start; }
.prm figure { margin: 0; }
.prm .plots svg { width: 100%; height: auto; display: block; max-width: 520px; }
.prm svg text { font-family: inherit; }
.prm .legend { display: flex; flex-wrap: wrap; gap: 8px 22px; align-items: center; font-size:
  0.875rem; margin: 12px 0; }
.prm .scale { display: inline-grid; grid-template-columns: repeat(3, 1fr); width: 270px;
  font-size: 0.75rem; }
.prm .scale i { grid-column: 1 / -1; height: 14px; border: 1px solid var(--line); border-radius:
  3px;
  background: linear-gradient(to right in oklab, color-mix(in oklab, var(--wrong) calc(var(--tint)
    * 100%), var(--card)), var(--card), color-mix(in oklab, var(--right) calc(var(--tint) * 100%),
    var(--card))); }
.prm .scale span:nth-of-type(2) { text-align: center; }
.prm .scale span:nth-of-type(3) { text-align: right; }
.prm .mark { display: inline-block; border-radius: 4px; padding: 0 7px; margin: 5px 6px 0 0;
  font-size: 0.8125rem; font-weight: 650; white-space: nowrap; border: 1.5px solid var(--ink); }
.prm .mark.true { background: var(--ink); color: var(--page); }
.prm .mark.predicted { background: var(--card); color: var(--ink); border-style: dashed; }
.prm .mark.refused { background: var(--card); color: var(--ink); border-style: dotted; }
.prm .mark.admitted { border-color: transparent; padding-left: 0; font-weight: 400; }
.prm .nearest { border-left: 3px solid var(--faint); background: var(--card); padding: 6px 10px;
  font-size: 0.875rem; }
.prm .nearest h4 { font-size: 0.8125rem; margin: 0; }
.prm .nearest ul { list-style: none; margin: 0; padding: 0; }
.prm .nearest li { margin-top: 5px; }
.prm .nearest .text { white-space: pre-wrap; overflow-wrap: anywhere; }
.prm .solution { border: 1px solid var(--line); border-radius: 8px; margin: 14px 0; background:
  var(--card); overflow: hidden; }
.prm .solution header { max-width: none; margin: 0; padding: 12px 16px; background: var(--soft); }
.prm .problem { white-space: pre-wrap; overflow-wrap: anywhere; margin: 4px 0 0; max-width: none; }
.prm .badge { display: inline-block; border: 1px solid var(--faint); border-radius: 99px; padding:
  0 10px; font-size: 0.8125rem; font-weight: 650; margin-right: 8px; }
.prm .steps { list-style: none; margin: 0; padding: 0; }
.prm .step { display: grid; grid-template-columns: 3.2rem 1fr 4.2rem; gap: 0 10px; padding: 8px
  16px 8px 11px; border-top: 1px solid var(--line); border-left: 5px solid var(--grid); }
.prm .step.leans-right { border-left-color: var(--right); background: color-mix(in oklab,
  var(--right) calc(var(--w) * var(--tint)), var(--card)); }
.prm .step.leans-wrong { border-left-color: var(--wrong); background: color-mix(in oklab,
  var(--wrong) calc(var(--w) * var(--tint)), var(--card)); }
.prm .step.unscored { background: repeating-linear-gradient(135deg, var(--card) 0 8px, var(--soft)
  8px 16px); }
.prm .step .body { display: flex; gap: 8px 16px; align-items: flex-start; min-width: 0; }
.prm .step .body > div { flex: 1; min-width: 0; }
.prm .step .nearest { flex: 0 0 40%; min-width: 0; }
.prm .step .number { font-size: 0.875rem; white-space: nowrap; }
.prm .step .text { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 0; }
.prm .step .score { text-align: right; font-weight: 650; font-variant-numeric: tabular-nums; }
.prm .step .meter { display: block; height: 5px; margin-top: 3px; border: 1px solid var(--faint);
  border-radius: 3px; overflow: hidden; }
.prm .step .meter i { display: block; height: 100%; background: var(--ink); }
.prm .solution footer { max-width: none; padding: 8px 16px; border-top: 1px solid var(--line);
  font-size: 0.875rem; overflow-wrap: anywhere; }
.prm pre { background: var(--soft); padding: 12px; border-radius: 6px; overflow-x: auto;
  font-size: 0.8125rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.prm code { font-size: 0.875em; overflow-wrap: anywhere; }
.prm summary { cursor: pointer; font-weight: 600; margin: 10px 0; }
.prm .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path:
  inset(50%); white-space: nowrap; }
.prm > footer { padding-top: 16px; padding-bottom: 40px; }
@media (max-width: 760px) {
  .prm .step .body { flex-direction: column; align-items: stretch; }
}
@media (max-width: 560px) {
  .prm main, .prm > header, .prm > footer { padding-left: 14px; padding-right: 14px; }
  .prm th, .prm td { padding: 6px 8px; }
  .prm .step { grid-template-columns: 2.4rem 1fr 3.2rem; gap: 0 6px; padding-right: 10px; }
  .prm .facts th:first-child { width: 6.5rem; }
}
@media print {
  .prm { --page: #fff; --card: #fff; --soft: #f4f5f7; --ink: #000; --faint: #444; --line: #bbb;
    --grid: #ddd; --right: #1f6fd1; --wrong: #c95100; --tint: 0.42; }
  .prm * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .prm nav { display: none; }
  .prm .solution, .prm .plots figure, .prm tr, .prm .tile, .prm table { break-inside: avoid; }
  .prm h2 { break-after: avoid; }
}
"""
