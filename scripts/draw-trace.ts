/**
 * Draws docs/images/trace-first-sign-in.svg from a trace that it records: the first token request of a new
 * person to a new process of the built service, with ACS and Key Vault emulated.
 *
 *   npm run documents:trace
 */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { OtlpReceiver, type ReceivedSpan } from '../test/support/otlp-receiver.js';
import { Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';

const FILE = fileURLToPath(new URL('../../docs/images/trace-first-sign-in.svg', import.meta.url));
const ROUTE = 'POST /v1/me/tokens';
const ROW = 26;
const NAMES = 270;
const BARS = 520;
const LABELS = 80;

interface Row {
  readonly span: ReceivedSpan;
  readonly depth: number;
}

const spans = await record();
const root = spans.find(({ name }) => name === ROUTE);
if (!root) throw new Error('the trace has not arrived');
await writeFile(FILE, picture(rowsBelow(root)));

async function record(): Promise<ReceivedSpan[]> {
  const [receiver, cluster] = await Promise.all([OtlpReceiver.start(), startTestCluster(true)]);
  try {
    const service = await Service.start({
      cluster,
      environment: {
        LOG_LEVEL: 'info',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      },
    });
    try {
      const oid = randomUUID();
      const bearer = await service.emulator.control.mintToken({ person: 'alice', claims: { oid } });
      const headers = { authorization: `Bearer ${bearer}` };
      const answer = await fetch(`${service.url}/v1/me/tokens`, { method: 'POST', headers });
      if (!answer.ok) throw new Error(`the token was refused: ${await answer.text()}`);
    } finally {
      await service.stop(); // delivers the trace
    }
    return receiver.spans;
  } finally {
    receiver.stop();
    await cluster.remove();
  }
}

function rowsBelow(span: ReceivedSpan, depth = 0): Row[] {
  const children = spans
    .filter(({ parentSpanId }) => parentSpanId === span.spanId)
    .toSorted((a, b) => startOf(a) - startOf(b));
  return [{ span, depth }, ...children.flatMap((child) => rowsBelow(child, depth + 1))];
}

/** Milliseconds from the start of the request. */
function startOf({ startTimeUnixNano }: ReceivedSpan): number {
  return Number(BigInt(startTimeUnixNano) - BigInt(root?.startTimeUnixNano ?? 0)) / 1e6;
}

function durationOf({ startTimeUnixNano, endTimeUnixNano }: ReceivedSpan): number {
  return Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6;
}

function picture(rows: readonly Row[]): string {
  const [first] = rows;
  const scale = BARS / (first ? durationOf(first.span) : 1);
  const [width, height] = [NAMES + BARS + LABELS, rows.length * ROW + 12];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="The trace of a first sign-in">`,
    '<style>text{font:13px system-ui,sans-serif;fill:#1f2328}.k1{fill:#8250df}.k2{fill:#0969da}.k3{fill:#1a7f37}',
    '@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.k1{fill:#ab7df8}.k2{fill:#4493f8}.k3{fill:#3fb950}}</style>',
    ...rows.flatMap(({ span, depth }, nth) => rowOf(span, depth, nth, scale)),
    '</svg>',
    '',
  ].join('\n');
}

function rowOf(span: ReceivedSpan, depth: number, nth: number, scale: number): string[] {
  const y = nth * ROW + 6;
  const [x, width] = [NAMES + startOf(span) * scale, Math.max(2, durationOf(span) * scale)];
  const baseline = y + 17;
  return [
    `<text x="${8 + depth * 16}" y="${baseline}">${span.name}</text>`,
    `<rect class="k${span.kind}" x="${x.toFixed(1)}" y="${y + 5}" width="${width.toFixed(1)}" height="14" rx="3"/>`,
    `<text x="${(x + width + 6).toFixed(1)}" y="${baseline}">${durationOf(span).toFixed(1)} ms</text>`,
  ];
}
