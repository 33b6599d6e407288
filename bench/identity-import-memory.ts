import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type TestCluster } from '#libs/platform/testing';
import { Service } from '../test/support/service.js';

/** Imports lines over HTTP and samples the memory of the api process. @returns lines of a report */
export async function measureImport(
  cluster: TestCluster,
  lines: number,
  prefix: string,
): Promise<string[]> {
  const service = await Service.start({ cluster, environment: { LOG_LEVEL: 'info' } });
  try {
    const token = await service.token('ada');
    const warm = await send(service.url, token, linesOf(2_000, `${prefix}-warm`), () => undefined);
    const pid = service.apis[0]?.process.pid ?? 0;
    const startMb = await residentMb(pid);
    const samples: { done: number; mb: number }[] = [];
    const startedAt = performance.now();
    let pending = Promise.resolve();
    const summary = await send(service.url, token, linesOf(lines, prefix), (done) => {
      if (done % (lines / 10) >= 1) return;
      pending = pending.then(async () => {
        samples.push({ done, mb: await residentMb(pid) });
      });
    });
    await pending;
    const seconds = (performance.now() - startedAt) / 1_000;
    const again = await send(service.url, token, linesOf(lines, prefix), () => undefined);
    return [
      `## An import of ${lines.toLocaleString('en')} lines over HTTP`,
      '',
      `${Math.round(lines / seconds).toLocaleString('en')} lines per second, each with its own audit entry; ${seconds.toFixed(1)} s. Summary: \`${summary}\`. The same file again: \`${again}\`.`,
      '',
      `Resident memory of the api before the import, after a warm-up of 2,000 lines (\`${warm}\`): ${startMb} MB. During the import:`,
      '',
      `| lines answered | ${samples.map(({ done }) => done.toLocaleString('en')).join(' | ')} |`,
      `|---|${samples.map(() => '---').join('|')}|`,
      `| MB | ${samples.map(({ mb }) => mb).join(' | ')} |`,
    ];
  } finally {
    await service.stop();
  }
}

async function send(
  url: string,
  token: string,
  body: Readable,
  onAnswered: (lines: number) => void,
): Promise<string> {
  const answer = await fetch(`${url}/v1/identities/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: Readable.toWeb(body) as ReadableStream,
    duplex: 'half',
  });
  if (!answer.ok || !answer.body) throw new Error(`${answer.status}: ${await answer.text()}`);
  const decoder = new TextDecoder();
  let done = 0;
  let rest = '';
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    const pieces = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      if (piece.startsWith('{"summary"')) return piece;
      done += 1;
      onAnswered(done);
    }
  }
  throw new Error('the import did not end with its summary');
}

function linesOf(count: number, prefix: string): Readable {
  return Readable.from(
    (function* () {
      for (let n = 0; n < count; n += 100) {
        let piece = '';
        for (let m = n; m < Math.min(n + 100, count); m += 1) {
          piece += `{"kind":"user","subject":"${prefix}-${m}","displayName":"Person ${m}"}\n`;
        }
        yield Buffer.from(piece);
      }
    })(),
  );
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
}
