import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { IdentitiesApi } from '../../support/identities-api.js';
import { runningService } from '../../support/running-service.js';

const service = runningService({ environment: { MAPPING_SWEEP_SECONDS: '1' } });
const identities = new IdentitiesApi(service);

function streamOf(pieces: Iterable<string> | AsyncIterable<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return ReadableStream.from(pieces).pipeThrough(
    new TransformStream<string, Uint8Array>({
      transform: (piece, controller) => {
        controller.enqueue(encoder.encode(piece));
      },
    }),
  );
}

async function subjectsLike(prefix: string): Promise<string[]> {
  const lines = await identities.export();
  return lines.map(({ subject }) => subject ?? '').filter((subject) => subject.startsWith(prefix));
}

describe('POST /v1/identities/import', () => {
  it('200: registers and links with one result for each line; a repeat changes nothing', async () => {
    const communicationUserId = identities.foreignId();
    const lines = [
      { kind: 'bot', subject: 'import-a', displayName: 'A' },
      { subject: 'import-b', communicationUserId },
      { userId: randomUUID().toUpperCase(), acsUserIdentity: identities.foreignId() },
    ];
    const first = await identities.import(lines);
    expect(first.problem.type).toBe('');
    expect(first.lines.map(({ line, outcome }) => [line, outcome])).toEqual([
      [1, 'created'],
      [2, 'created'],
      [3, 'created'],
      [undefined, undefined],
    ]);
    expect(first.lines.at(-1)?.summary).toEqual({
      ...{ lines: 3, created: 3, unchanged: 0, failed: 0, isComplete: true },
    });
    const again = await identities.import(lines);
    expect(again.lines.at(-1)?.summary).toMatchObject({ created: 0, unchanged: 3, failed: 0 });
    const { body } = await identities.asAda('get', '/v1/identities?subject=import-a');
    expect(body.items).toMatchObject([{ kind: 'bot', displayName: 'A', status: 'pending' }]);
  });

  it('200: many over one connection leave no listeners on it, of which Node would warn', async () => {
    for (let nth = 0; nth < 12; nth += 1) {
      const { lines } = await identities.import([{ kind: 'bot', subject: 'import-again' }]);
      expect(lines.at(-1)?.summary).toMatchObject({ failed: 0, isComplete: true });
    }
    expect(service().logLines.filter((line) => !line.startsWith('{'))).toEqual([]);
  });

  it('200: an invalid line fails with its reason; the other lines are imported', async () => {
    const known = (await identities.create()).body as { communicationUserId: string };
    const { lines } = await identities.import([
      { subject: 'mixed-1' },
      '{"subject": "mixed-2", ',
      'null',
      { subject: 'mixed-3', kind: 'robot' },
      { subject: 'mixed-4', role: 'owner' },
      { subject: 'mixed-5', communicationUserId: '8:acs:nonsense' },
      { subject: 'mixed-6', communicationUserId: identities.foreignId(randomUUID()) },
      { subject: 'mixed-7', communicationUserId: known.communicationUserId },
      { subject: 'mixed-8', tenant: service().emulator.secondTenantId },
      { subject: 'x'.repeat(9_000) },
      '',
      { subject: 'mixed-1', kind: 'bot' },
      { subject: 'mixed-9' },
    ]);
    expect(lines.map(({ line, outcome, error }) => [line, error?.code ?? outcome])).toEqual([
      [1, 'created'],
      [2, 'invalid-line'],
      [3, 'invalid-line'],
      [4, 'invalid-line'],
      [5, 'invalid-line'],
      [6, 'invalid-line'],
      [7, 'resource-not-configured'],
      [8, 'identity-link-conflict'],
      [9, 'tenant-not-allowed'],
      [10, 'invalid-line'],
      [12, 'identity-kind-conflict'],
      [13, 'created'],
      [undefined, undefined],
    ]);
    expect(await subjectsLike('mixed-')).toEqual(['mixed-1', 'mixed-9']);
  });

  it('200: provision=true creates each identity at ACS once', async () => {
    const lines = Array.from({ length: 30 }, (_, n) => ({ subject: `ahead-${n}` }));
    const before = (await service().emulator.control.listIdentities()).length;
    const first = await identities.import(lines, '?provision=true');
    expect(first.lines.at(-1)?.summary).toMatchObject({ created: 30, failed: 0 });
    expect(first.lines[0]?.communicationUserId).toMatch(/^8:acs:/);
    await identities.import(lines, '?provision=true');
    expect(await service().emulator.control.listIdentities()).toHaveLength(before + 30);
  });

  it('200: keeps the status of suspended identities; importing an export creates nothing', async () => {
    const id = identities.foreignId();
    await identities.import([{ subject: 'sus-1', communicationUserId: id, status: 'suspended' }]);
    const { body } = await identities.asAda('get', '/v1/identities?subject=sus-1');
    expect(body.items).toMatchObject([{ status: 'suspended', communicationUserId: id }]);
    const { lines } = await identities.import(await identities.export());
    expect(lines.at(-1)?.summary).toMatchObject({ created: 0, failed: 0 });
    // The emulator does not know the identity, so that the revocation stays pending and is recorded.
    const actions = async () => (await service().auditEntries()).map(({ action }) => action);
    await expect.poll(actions).toContain('token.revoke');
  });

  it('200: results=failed returns only the lines that failed', async () => {
    const { lines } = await identities.import([{ subject: 'quiet' }, 'x'], '?results=failed');
    expect(lines.map(({ line }) => line)).toEqual([2, undefined]);
  });

  it('imports the lines before a broken connection, and nothing of the incomplete line', async () => {
    async function* broken(): AsyncGenerator<string> {
      for (let n = 0; n < 250; n += 1) yield `{"subject":"cut-${n}"}\n`;
      yield '{"subject":"cut-half';
      await delay(300);
      throw new Error('the client disconnected');
    }
    await expect(identities.import(streamOf(broken()))).rejects.toThrow();
    await expect.poll(async () => subjectsLike('cut-')).toHaveLength(200);
    expect(await subjectsLike('cut-half')).toEqual([]);
  });

  it('200: reads past a line of 64 MB without buffering it', async () => {
    function* endless(): Generator<string> {
      yield '{"subject":"before"}\n{"subject":"';
      for (let n = 0; n < 64; n += 1) yield 'x'.repeat(1024 * 1024);
      yield '"}\n{"subject":"after"}\n';
    }
    const { lines } = await identities.import(streamOf(endless()));
    expect(lines.map(({ outcome, error }) => error?.code ?? outcome)).toEqual([
      ...['created', 'invalid-line', 'created', undefined],
    ]);
  });

  it('400, 401, 403, 415: refuses invalid options, callers and content types before reading the body', async () => {
    expect((await identities.import([], '?provision=yes')).status).toBe(400);
    expect((await identities.import([], '', 'nonsense')).status).toBe(401);
    expect((await identities.import([], '', await service().token('alice'))).status).toBe(403);
    const wrong = await fetch(`${service().url}/v1/identities/import`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await service().token('ada')}`,
        'content-type': 'application/json',
      },
      body: '{}',
    });
    expect(wrong.status).toBe(415);
    const elsewhere = await fetch(`${service().url}/v1/identities`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await service().token('ada')}`,
        'content-type': 'application/x-ndjson',
      },
      body: '{}',
    });
    expect(elsewhere.status).toBe(415);
    const compressed = await fetch(`${service().url}/v1/identities/import`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await service().token('ada')}`,
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
      },
      body: gzipSync('{"kind":"user","subject":"7"}'),
    });
    expect(compressed.status).toBe(415);
    expect(await compressed.json()).toMatchObject({
      type: 'urn:acs-identity:problem:unsupported-encoding',
    });
  });

  it('413: refuses a body of 1 MB on other routes', async () => {
    const answer = await fetch(`${service().url}/v1/identities`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await service().token('ada')}`,
        'content-type': 'application/json',
      },
      body: `{"subject":"${'x'.repeat(1024 * 1024)}"}`,
    });
    expect(answer.status).toBe(413);
  });
});

describe('GET /v1/identities/export', () => {
  it('200: returns the identities of the caller’s tenant only, and records the export', async () => {
    await identities.asOtherTenant('post', '/v1/identities', { kind: 'user', subject: 'theirs' });
    const ours = await identities.export();
    const theirs = await identities.export(await identities.otherTenantToken());
    expect(theirs.map(({ subject }) => subject)).toEqual(['theirs']);
    expect(ours.map(({ subject }) => subject)).not.toContain('theirs');
    const entries = await service().auditEntries();
    expect(entries.filter(({ action }) => action === 'identity.export').length).toBeGreaterThan(1);
  });
});
