"""The style sheet of the report: light or dark as the reader's system is set, in one column that fits a phone."""

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1d2329; --quiet: #67717b; --line: #e3e7ea;
  --soft: #f5f7f8; --accent: #2f6fb5; --output: #d9222a; --stem: #9aa3ac; }
@media (prefers-color-scheme: dark) { :root { --paper: #171b20; --ink: #e8ebee; --quiet: #98a2ac; --line: #2a3037;
  --soft: #1e2329; --accent: #7db2ea; --output: #ff5a5f; --stem: #6d7680; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 0.75rem; font-size: 1.15rem; letter-spacing: -0.005em; }
p { margin: 0.5rem 0; max-width: 46rem; text-wrap: pretty; }
.quiet { color: var(--quiet); }
.small { font-size: 0.875rem; }
.state { margin-top: 0.5rem; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: 1.1rem 1.25rem;
  margin: 1.75rem 0 0; padding: 1.25rem 0; border-block: 1px solid var(--line); }
.numbers div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.numbers dt { color: var(--quiet); font-size: 0.8125rem; line-height: 1.35; }
.numbers dd { margin: 0; font-size: 1.3rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
figure { margin: 0.5rem 0; overflow-x: auto; }
figure img { display: block; width: 100%; height: auto; min-width: 34rem; }
figure.wide img { min-width: 46rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9375rem; }
.trials { width: 100%; }
th { color: var(--quiet); font-weight: 500; font-size: 0.8125rem; text-align: left; white-space: nowrap; }
th, td { padding: 0.4rem 1rem 0.4rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
th:last-child, td:last-child { padding-right: 0; }
.right { text-align: right; white-space: nowrap; }
code, .settings td { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.8125rem; }
.settings td { padding-block: 0.2rem; overflow-wrap: anywhere; vertical-align: top; }
.settings td:first-child { color: var(--quiet); white-space: nowrap; }
details { margin: 1rem 0; border-bottom: 1px solid var(--line); padding-bottom: 0.75rem; }
summary { cursor: pointer; font-weight: 600; font-size: 1.15rem; }
details > :not(summary) { margin-top: 0.75rem; }
.note { border-left: 3px solid var(--accent); background: var(--soft); padding: 0.75rem 1rem; margin: 1.25rem 0;
  max-width: 46rem; }
.note p:first-child { margin-top: 0; } .note p:last-child { margin-bottom: 0; }
.warning { border-left-color: var(--output); }
svg.dag { display: block; width: 10.5rem; height: auto; }
.dag path { fill: none; stroke: var(--quiet); stroke-width: 1; opacity: 0.55; }
.dag .merge { stroke-dasharray: 3 2; }
.dag .stem { fill: var(--stem); }
.dag .output { stroke: var(--output); stroke-width: 1.6; }
.dag .dead { opacity: 0.25; }
footer { margin-top: 3rem; color: var(--quiet); font-size: 0.8125rem; }
@media print { details > * { display: block; } }
"""
