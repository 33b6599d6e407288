import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { runningService } from '../../support/running-service.js';
import { IdentitiesApi } from '../../support/identities-api.js';

const service = runningService({ environment: { MAPPING_SWEEP_SECONDS: '1' } });
const directory = new IdentitiesApi(service);

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
  const lines = await directory.export();
  return lines.map(({ subject }) => subject ?? '').filter((subject) => subject.startsWith(prefix));
}

describe('POST /v1/identities/import', () => {
  it('200: registers, links and answers line by line; a repeat changes nothing', async () => {
    const communicationUserId = directory.foreignId();
    const lines = [
      { kind: 'bot', subject: 'import-a', displayName: 'A' },
      { subject: 'import-b', communicationUserId },
      { userId: randomUUID().toUpperCase(), acsUserIdentity: directory.foreignId() },
    ];
    const first = await directory.import(lines);
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
    const again = await directory.import(lines);
    expect(again.lines.at(-1)?.summary).toMatchObject({ created: 0, unchanged: 3, failed: 0 });
    const { body } = await directory.asAda('get', '/v1/identities?subject=import-a');
    expect(body.items).toMatchObject([{ kind: 'bot', displayName: 'A', status: 'pending' }]);
  });

  it('200: a faulty line fails alone and says why; the rest is done', async () => {
    const known = (await directory.create()).body as { communicationUserId: string };
    const { lines } = await directory.import([
      { subject: 'mixed-1' },
      '{"subject": "mixed-2", ',
      'null',
      { subject: 'mixed-3', kind: 'robot' },
      { subject: 'mixed-4', role: 'owner' },
      { subject: 'mixed-5', communicationUserId: '8:acs:nonsense' },
      { subject: 'mixed-6', communicationUserId: directory.foreignId(randomUUID()) },
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

  it('200: creates identities at ACS when asked to, once each', async () => {
    const lines = Array.from({ length: 30 }, (_, n) => ({ subject: `ahead-${n}` }));
    const before = (await service().emulator.control.listIdentities()).length;
    const first = await directory.import(lines, '?provision=true');
    expect(first.lines.at(-1)?.summary).toMatchObject({ created: 30, failed: 0 });
    expect(first.lines[0]?.communicationUserId).toMatch(/^8:acs:/);
    await directory.import(lines, '?provision=true');
    expect(await service().emulator.control.listIdentities()).toHaveLength(before + 30);
  });

  it('200: imports an export of its own into nothing new, and suspended ones as suspended', async () => {
    const id = directory.foreignId();
    await directory.import([{ subject: 'sus-1', communicationUserId: id, status: 'suspended' }]);
    const { body } = await directory.asAda('get', '/v1/identities?subject=sus-1');
    expect(body.items).toMatchObject([{ status: 'suspended', communicationUserId: id }]);
    const { lines } = await directory.import(await directory.export());
    expect(lines.at(-1)?.summary).toMatchObject({ created: 0, failed: 0 });
    // The identity is none of the emulator's, so that its revocation is owed for good.
    await vi.waitUntil(
      async () => (await service().auditEntries()).some(({ action }) => action === 'token.revoke'),
      { timeout: 30_000, interval: 200 },
    );
  });

  it('200: answers only the failures when asked to', async () => {
    const { lines } = await directory.import([{ subject: 'quiet' }, 'x'], '?results=failed');
    expect(lines.map(({ line }) => line)).toEqual([2, undefined]);
  });

  it('does what came before a connection broke, and nothing of the line it broke in', async () => {
    async function* broken(): AsyncGenerator<string> {
      for (let n = 0; n < 250; n += 1) yield `{"subject":"cut-${n}"}\n`;
      yield '{"subject":"cut-half';
      await delay(300);
      throw new Error('the client broke off');
    }
    await expect(directory.import(streamOf(broken()))).rejects.toThrow();
    await vi.waitUntil(async () => (await subjectsLike('cut-')).length === 200, {
      timeout: 30_000,
      interval: 100,
    });
    expect(await subjectsLike('cut-half')).toEqual([]);
  });

  it('takes a line of any length without keeping it', async () => {
    function* endless(): Generator<string> {
      yield '{"subject":"before"}\n{"subject":"';
      for (let n = 0; n < 64; n += 1) yield 'x'.repeat(1024 * 1024);
      yield '"}\n{"subject":"after"}\n';
    }
    const { lines } = await directory.import(streamOf(endless()));
    expect(lines.map(({ outcome, error }) => error?.code ?? outcome)).toEqual([
      ...['created', 'invalid-line', 'created', undefined],
    ]);
  });

  it('400, 401, 403, 415: refuses wrong options, strangers and other types before reading', async () => {
    expect((await directory.import([], '?provision=yes')).status).toBe(400);
    expect((await directory.import([], '', 'nonsense')).status).toBe(401);
    expect((await directory.import([], '', await service().token('alice'))).status).toBe(403);
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
  });

  it('413: refuses a huge body on the other routes', async () => {
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
  it('200: gives the tenant’s own identities and no others’, and records it', async () => {
    await directory.asStranger('post', '/v1/identities', { kind: 'user', subject: 'theirs' });
    const ours = await directory.export();
    const theirs = await directory.export(await directory.strangerToken());
    expect(theirs.map(({ subject }) => subject)).toEqual(['theirs']);
    expect(ours.map(({ subject }) => subject)).not.toContain('theirs');
    const entries = await service().auditEntries();
    expect(entries.filter(({ action }) => action === 'identity.export').length).toBeGreaterThan(1);
  });
});
