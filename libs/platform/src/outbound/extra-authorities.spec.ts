import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

const BUILT = new URL(
  '../../../../dist/libs/platform/src/outbound/extra-authorities.js',
  import.meta.url,
);

/** What a process trusts, and what it logs, after the file has changed. */
interface Outcome {
  readonly own: number;
  readonly trusted: number;
  readonly reasons: readonly string[];
}

/**
 * In a process of its own: Node.js reads the file once.
 *
 * @param before what the file has at the start, and after that
 */
async function change(
  before: readonly string[],
  after: readonly string[],
  options: readonly string[] = [],
): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'authorities-'));
  onTestFinished(async () => rm(folder, { recursive: true }));
  const file = join(folder, 'authorities.pem');
  await writeFile(file, before.join('\n'));
  const program = `
    import { X509Certificate } from 'node:crypto';
    import { writeFileSync } from 'node:fs';
    import tls from 'node:tls';
    import { Registry } from 'prom-client';
    import { ExtraAuthorities } from '${BUILT.href}';
    const reasons = [];
    const logger = { info: () => undefined, error: ({ reason }) => reasons.push(reason) };
    const settings = { extraAuthoritiesFile: '${file}' };
    const authorities = new ExtraAuthorities(new Registry(), {}, logger, settings);
    const refresh = async () => { for (let nth = 0; nth < 2; nth += 1) await authorities.refresh(); };
    await refresh();
    writeFileSync('${file}', ${JSON.stringify(after.join('\n'))});
    await refresh();
    const fingerprint = (pem) => new X509Certificate(pem).fingerprint256;
    const trusted = new Set(tls.getCACertificates('default').map(fingerprint));
    const own = tls.getCACertificates('bundled').filter((pem) => trusted.has(fingerprint(pem))).length;
    console.log(JSON.stringify({ own, trusted: trusted.size, reasons }));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...options, '--input-type=module', '--eval', program],
    { env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: file } },
  );
  return JSON.parse(stdout) as Outcome;
}

describe('ExtraAuthorities', () => {
  const bundled = tls.getCACertificates('bundled');
  const [first = '', second = '', third = ''] = bundled;

  it('keeps the authorities of Node.js that the file had as well, and has no longer', async () => {
    expect(await change([first, second], [third])).toEqual({
      own: bundled.length,
      trusted: bundled.length,
      reasons: [],
    });
  });

  it('changes nothing where the store of OpenSSL is used, whose authorities nobody can list', async () => {
    expect(await change([first], [second], ['--use-openssl-ca'])).toEqual({
      own: 1,
      trusted: 1,
      reasons: ['with --use-openssl-ca, it takes effect at the start'],
    });
  });
});
