import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StateFolder } from '../../apps/emulator/src/state-folder.js';
import { type ServerIdentity, serverIdentity } from '../../apps/emulator/src/tls/local-ca.js';
import { runningService } from '../support/running-service.js';
import { issue, newPerson, requestToken } from '../support/tokens-api.js';
import { until } from '../support/until.js';

const service = runningService({ replicas: 0 });
/** Far more than the connections to ACS that are open at any time. */
const BURST = 60;

let directory: string;
let file: string;
let next: ServerIdentity;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'authorities-'));
  file = join(directory, 'authorities.pem');
  next = await serverIdentity(new StateFolder(join(directory, 'next')), []);
  await write(service().emulator.caPem);
  await service().addApi({ NODE_EXTRA_CA_CERTS: file });
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function write(text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** Waits until the replica trusts this number of authorities of the file. */
async function untilTrusted(count: number, isGood = true): Promise<void> {
  await until(`${count} authorities are trusted`, 30_000, async () => {
    const text = await (await fetch(`${service().url}/metrics`)).text();
    return (
      text.includes(`\ntls_extra_authorities ${count}\n`) &&
      text.includes(`\ntls_extra_authorities_file_good ${Number(isGood)}\n`)
    );
  });
}

/** Statuses of first calls, which need new connections to ACS. */
async function burst(): Promise<Set<number>> {
  const people = await Promise.all(Array.from({ length: BURST }, async () => newPerson(service())));
  const answers = await Promise.all(people.map(async (one) => requestToken(service(), one)));
  return new Set(answers.map(({ status }) => status));
}

describe('the authorities of NODE_EXTRA_CA_CERTS', () => {
  it('are replaced without a restart or a failed request', async () => {
    const { emulator } = service();
    await untilTrusted(1);
    await issue(service(), 'alice');
    await write(`${emulator.caPem}\n${next.caPem}`);
    await untilTrusted(2);
    emulator.setCertificate({ key: next.key, cert: next.certificate });
    expect(await burst()).toEqual(new Set([200]));
    await write(next.caPem);
    await untilTrusted(1);
    expect(await burst()).toEqual(new Set([200]));
  });

  it.each([
    ['nothing', '', 'it has no certificate in PEM'],
    [
      'a certificate that is cut',
      `-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`,
      'certificate 1 of 1 is malformed',
    ],
  ])('stay in use when the file has %s', async (_, text, reason) => {
    await write(text);
    await until('the reason is logged', 30_000, () =>
      service().logLines.some((line) => line.includes(`"reason":"${reason}"`)),
    );
    await untilTrusted(1, false);
    service().emulator.endIdleConnections();
    await issue(service(), 'alice');
    await write(next.caPem);
    await untilTrusted(1);
  });

  it('are no longer trusted once the file lacks them', async () => {
    const lines = service().logLines.length;
    await write(await readFile(service().emulator.caFile, 'utf8'));
    await until('the change is logged', 30_000, () =>
      service()
        .logLines.slice(lines)
        .some((line) => line.includes('outgoing connections trust other certificate authorities')),
    );
    service().emulator.endIdleConnections();
    const { status, body } = await requestToken(service(), await newPerson(service()));
    expect([status, (body as { type: string }).type]).toEqual([
      503,
      expect.stringMatching(/acs-unavailable$/),
    ]);
  });
});
