/** The look of a report: light and dark as the reader has it, one column on a phone, black on white on paper. */
export const style = `
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --quiet: #5b6570; --line: #d9dee3; --card: #f7f8f9;
  --before: #8a97a6; --after: #d9660a; --drift: #b3261e; --calm: #23743b; --open: #7a5b00; }
@media (prefers-color-scheme: dark) { :root { --ground: #15181c; --text: #e6e9ed; --quiet: #a1abb6; --line: #363d45; --card: #1d2126;
  --before: #7d8b9b; --after: #f08a3c; --drift: #ff8a80; --calm: #7fd197; --open: #e6c35c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: .4rem 0; } .quiet { color: var(--quiet); font-size: .9rem; }
.drift { color: var(--drift); } .stable { color: var(--calm); } .insufficient_data { color: var(--open); }
.verdict { font-weight: 600; } .banner { border-left: .4rem solid currentColor; padding: .3rem 0 .3rem .9rem; }
.banner p { color: var(--text); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { color: var(--quiet); font-weight: 600; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
caption { text-align: left; color: var(--quiet); padding: .3rem 0; }
td.plot { min-width: 6rem; width: 34%; vertical-align: middle; } td.name { overflow-wrap: anywhere; min-width: 6rem; }
.overview td.plot { width: 26%; } .overview td.name { min-width: 10rem; }
.verdict { white-space: nowrap; } .paired td.plot { width: 32%; min-width: 5rem; } .paired td:first-child { overflow-wrap: anywhere; width: 38%; }
.paired td.number { font-size: .8rem; }
svg { display: block; width: 100%; } .scroll { overflow-x: auto; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
article { align-self: start; background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem; break-inside: avoid; min-width: 0; overflow-wrap: anywhere; }
article header { display: flex; gap: .5rem; justify-content: space-between; align-items: baseline; }
ul { margin: .4rem 0; padding-left: 1.1rem; } summary { cursor: pointer; color: var(--quiet); font-size: .9rem; }
.ends { display: flex; justify-content: space-between; gap: 1rem; } .key { display: inline-block; margin-right: .8em; overflow-wrap: anywhere; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: .1em; margin-right: .3em; }
.before { fill: var(--before); background: var(--before); } .after { fill: var(--after); background: var(--after); }
.mark { stroke: var(--text); stroke-width: 1; stroke-dasharray: 3 2; vector-effect: non-scaling-stroke; }
.rail { fill: var(--line); } rect.drift { fill: var(--drift); } rect.stable { fill: var(--calm); } rect.insufficient_data { fill: var(--open); }
@media (max-width: 40rem) { .overview, .overview tbody, .overview caption { display: block; } .overview thead { position: absolute; clip-path: inset(50%); }
  .overview tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line); padding: .4rem 0; }
  .overview td { border: 0; padding: .1rem .2rem; } .overview td.plot { width: auto; } .overview td.number::before { content: attr(data-of) " "; color: var(--quiet); }
  .overview td.number:empty { display: none; } .overview td.number { min-width: 9.5rem; } }
@media print { :root { --ground: #fff; --text: #000; --quiet: #444; --line: #bbb; --card: #fff; --before: #8a97a6; --after: #d9660a;
  --drift: #b3261e; --calm: #23743b; --open: #7a5b00; } body { font-size: 11px; max-width: none; padding: 0; }
  * { print-color-adjust: exact; } .cards { grid-template-columns: 1fr 1fr; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
`
