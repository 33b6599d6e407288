import { type BenchmarkRun, latencyAt, medianOf } from './samples.js';

const PANEL = { width: 420, height: 260, left: 52, top: 44, gap: 40, bottom: 66 } as const;
const COLOURS = ['#0b5cad', '#2e7d32', '#c62828', '#6a1b9a', '#ef6c00', '#00838f', '#5d4037'];
/** Shares that the horizontal axis names, from the median to the slowest of a thousand. */
const NAMED_SHARES = [0.5, 0.9, 0.95, 0.99, 0.999];
const GRID_LINES = 5;

/** The latency of each contender under the open loops, by share of answers, as SVG. */
export function latencyChart(run: BenchmarkRun): string {
  const loads = [...new Set(run.samples.map(({ load }) => load))].filter(
    (load) => !/connections|first/.test(load),
  );
  const width = PANEL.left + loads.length * (PANEL.width + PANEL.gap);
  const height = PANEL.top + PANEL.height + PANEL.bottom;
  const panels = loads.map((load, nth) =>
    panelOf(run, load, PANEL.left + nth * (PANEL.width + PANEL.gap)),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
</svg>
`;
}

function panelOf(run: BenchmarkRun, load: string, left: number): string {
  const shares = run.percentiles.filter((share) => share >= 0.5 && share <= 0.999);
  const contenders = run.contenders.filter(({ name }) =>
    run.samples.some((sample) => sample.load === load && sample.contender === name),
  );
  const curves = contenders.map(({ name, title }) => ({
    title,
    milliseconds: shares.map((share) => medianOf(run, name, load, latencyAt(share))),
  }));
  const highest = Math.max(...curves.flatMap(({ milliseconds }) => milliseconds));
  const step = niceStep(highest / GRID_LINES);
  const top = step * Math.ceil(highest / step);
  const x = (share: number): number => left + PANEL.width * positionOf(share);
  const y = (ms: number): number => PANEL.top + PANEL.height * (1 - ms / top);
  const grid = Array.from({ length: Math.round(top / step) + 1 }, (_, nth) => {
    const line = y(nth * step).toFixed(1);
    return `<line x1="${left}" x2="${left + PANEL.width}" y1="${line}" y2="${line}" stroke="#ddd"/><text x="${left - 6}" y="${line}" dy="4" text-anchor="end">${nth * step}</text>`;
  });
  const axis = NAMED_SHARES.map(
    (share) =>
      `<text x="${x(share).toFixed(1)}" y="${PANEL.top + PANEL.height + 18}" text-anchor="middle">${share * 100} %</text>`,
  );
  const lines = curves.map(({ title, milliseconds }, nth) => {
    const colour = COLOURS[nth % COLOURS.length] ?? '';
    const points = milliseconds.map(
      (ms, at) => `${x(shares[at] ?? 0).toFixed(1)},${y(ms).toFixed(1)}`,
    );
    const legendX = left + nth * 130;
    const legendY = PANEL.top + PANEL.height + 48;
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/><rect x="${legendX}" y="${legendY - 9}" width="10" height="10" fill="${colour}"/><text x="${legendX + 15}" y="${legendY}">${title}</text>`;
  });
  const title = `<text x="${left}" y="24" font-weight="bold">${load}: milliseconds, by share of answers</text>`;
  return [title, ...grid, ...axis, ...lines].join('\n');
}

/** Each nine takes the same space. */
function positionOf(share: number): number {
  const nines = (one: number): number => -Math.log10(1 - one);
  return (nines(share) - nines(0.5)) / (nines(0.999) - nines(0.5));
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return ([1, 2, 5].find((factor) => factor * power >= atLeast) ?? 10) * power;
}
