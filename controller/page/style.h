// How the page looks: light, on a screen of any width and on paper.
#ifndef BPA_CONTROLLER_PAGE_STYLE_H_
#define BPA_CONTROLLER_PAGE_STYLE_H_

namespace bpa::controller {

// Contrast is at least 7 to 1 for text. A table's rows become cards where a line has no room for
// them: each cell then shows its column's name, from data-label.
inline constexpr char kPageStyle[] = R"css(
:root { color-scheme: light; --ink: #16202b; --dim: #46525f; --line: #cfd6dd; --back: #f3f5f7;
  --good: #0b5a2e; --good-back: #e2f3e8; --warn: #6a4300; --warn-back: #fdf0d5;
  --bad: #8c1414; --bad-back: #fde6e4; --calm: #2a4a6b; --calm-back: #e3edf7; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 68rem; color: var(--ink);
  background: #fff; font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial,
  "Noto Sans", "Liberation Sans", sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0 0 .25rem; font-size: 1.7rem; line-height: 1.25; }
h2 { margin: 2.25rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid var(--ink);
  font-size: 1.2rem; line-height: 1.3; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1.05rem; }
p { margin: .5rem 0; max-width: 50rem; }
.dim { color: var(--dim); }
.mono, code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono",
  "Liberation Mono", monospace; font-size: .875em; }
pre { margin: 0; padding: .75rem 1rem; background: var(--back); border: 1px solid var(--line);
  border-radius: .4rem; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.45; }
.badge { display: inline-block; padding: .05rem .55rem; border: 1px solid; border-radius: 1rem;
  font-size: .875rem; font-weight: 600; line-height: 1.5; white-space: nowrap; }
h1 .badge { font-size: 1rem; vertical-align: middle; margin-left: .35rem; }
.good { color: var(--good); background: var(--good-back); }
.warn { color: var(--warn); background: var(--warn-back); }
.bad { color: var(--bad); background: var(--bad-back); }
.calm { color: var(--calm); background: var(--calm-back); }
.note { margin: 1rem 0; padding: .6rem .9rem; border-left: .35rem solid; border-radius: .3rem; }
.note p, .note ul { margin: .2rem 0; max-width: none; color: var(--ink); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.5rem; margin: 1rem 0; }
.facts dt { color: var(--dim); }
.facts dd { margin: 0; min-width: 0; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; font-size: .9375rem; }
.nodes th:nth-child(1) { width: 15%; } .nodes th:nth-child(2) { width: 13%; }
.nodes th:nth-child(3) { width: 18%; } .nodes th:nth-child(5) { width: 15%; }
.nodes th:nth-child(6) { width: 7%; } .nodes th:nth-child(7) { width: 13%; }
.changes th:nth-child(1) { width: 29%; } .changes th:nth-child(2) { width: 14%; }
.changes th:nth-child(3) { width: 15%; } .changes th:nth-child(4) { width: 18%; }
.proofs th:nth-child(1) { width: 30%; } .proofs th:nth-child(2) { width: 45%; }
th { text-align: left; color: var(--dim); font-weight: 600; padding: .35rem .75rem .35rem 0;
  border-bottom: 1px solid var(--ink); vertical-align: bottom; }
td { padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  min-width: 0; }
td.pre { white-space: pre-wrap; }
.lines p { margin: .1rem 0; }
.bars { margin: 1rem 0 0; padding: 0; list-style: none; }
.bars li { display: grid; grid-template-columns: minmax(5rem, 11rem) 1fr; gap: .2rem 1rem;
  align-items: center; margin: .35rem 0; }
.track { position: relative; height: 1.1rem; background: var(--back);
  border: 1px solid var(--line); border-radius: .25rem; }
.bar { position: absolute; top: 0; bottom: 0; min-width: 3px; border-radius: .2rem;
  background: currentColor; }
.axis { display: flex; justify-content: space-between; font-size: .8125rem; color: var(--dim); }
.node { break-before: auto; }
.mark { display: inline-block; width: 1.2em; font-weight: 700; }
.added { color: var(--good); } .altered { color: var(--warn); } .removed { color: var(--bad); }
ul { margin: .5rem 0; padding-left: 1.25rem; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line);
  font-size: .875rem; color: var(--dim); }
@media (max-width: 44rem) {
  body { padding: 1rem 1rem 2rem; }
  h1 { font-size: 1.4rem; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: .6rem; }
  table, tbody, tr, td { display: block; width: auto; }
  thead { display: none; }
  tr { margin: 0 0 .75rem; padding: .4rem .75rem; border: 1px solid var(--line);
    border-radius: .4rem; }
  td { display: grid; grid-template-columns: 6rem 1fr; gap: .5rem; padding: .25rem 0; border: 0; }
  td::before { content: attr(data-label); color: var(--dim); font-size: .875rem; }
  td > * { min-width: 0; }
  td:has(> div:empty) { display: none; }
  .bars li { grid-template-columns: 1fr; }
  .axis { margin-left: 0; }
}
@media print {
  @page { size: A4; margin: 16mm 14mm; }
  html { font-size: 9.5pt; }
  body { padding: 0; max-width: none; line-height: 1.4; }
  p { max-width: none; }
  h2 { margin-top: 1.6rem; }
  h2, h3, h3 + p { break-after: avoid; }
  tr, .note, .bars li, .facts { break-inside: avoid; }
  thead { display: table-header-group; }
  .badge, .note, .bar, .track, pre { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)css";

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PAGE_STYLE_H_
