import { beforeAll, describe, expect, it } from 'vitest';
import { denied, openTestLog } from '#libs/audit/testing';
import { decodeEntryBundle, hashLeaf, hashNode } from '#libs/transparency-log';
import { getAudit, publicKey } from '../../support/audit-api.js';
import { call } from '../../support/call.js';
import { isSignedBy, isSignedByListed } from '../../support/independent-verifier.js';
import { runningService } from '../../support/running-service.js';

const service = runningService();
const year = 'max-age=31536000, immutable';

beforeAll(async () => {
  const log = await openTestLog(service().database.serviceUrl, {
    origin: 'localhost/acs-identity',
  });
  // Of no identity: the service would find that it has no mapping of one.
  await log.trail.recordAll(Array.from({ length: 600 }, () => denied()));
  await log.close();
});

async function get(path: string, token?: string, url = service().url): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(`${url}/v1/audit/log/${path}`, { headers });
}

async function asGrace(path: string): Promise<Response> {
  return get(path, await service().token('grace'));
}

async function bytesOf(path: string): Promise<Buffer> {
  return Buffer.from(await (await asGrace(path)).arrayBuffer());
}

async function leaves(from: number, end: number): Promise<Buffer[]> {
  const rows = await service().rows<{ leaf: Buffer }>(
    'SELECT leaf FROM audit_entry WHERE entry_index >= $1 AND entry_index < $2 ORDER BY entry_index',
    [from, end],
  );
  return rows.map(({ leaf }) => leaf);
}

function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 1 && hashes[0]) return hashes[0];
  const half = hashes.length / 2;
  return hashNode(rootOf(hashes.slice(0, half)), rootOf(hashes.slice(half)));
}

describe('GET /v1/audit/log', () => {
  it('200: serves the newest checkpoint as a note signed by the published key', async () => {
    await getAudit(service(), 'grace', 'entries');
    const answer = await asGrace('checkpoint');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    const note = await answer.text();
    const [origin, size] = note.split('\n');
    expect(origin).toBe('localhost/acs-identity');
    expect(Number(size)).toBeGreaterThan(600);
    expect(isSignedBy(note, await publicKey(service()))).toBe(true);
  });

  it('200: lists the key that was just replaced without an end, and checkpoints of both verify', async () => {
    const heads = await service().rows<{ checkpoint: string; size: string }>(
      'SELECT size, checkpoint FROM audit_head ORDER BY size',
    );
    const keys = await (await asGrace('keys')).text();
    const [, replaced = ''] = keys.split('\n');
    expect(keys).not.toContain(' until ');
    for (const { checkpoint } of heads) expect(isSignedByListed(checkpoint, keys)).toBe(true);
    const last = heads.findLast(({ checkpoint }) => isSignedBy(checkpoint, replaced));
    const size = Number(last?.size);
    // Entries of the start of the service may be among those that were signed with it.
    expect(size).toBeGreaterThanOrEqual(600);
    const ended = (until: number): string => `${replaced} until ${until}`;
    expect(isSignedByListed(last?.checkpoint ?? '', ended(size))).toBe(true);
    expect(isSignedByListed(last?.checkpoint ?? '', ended(size - 1))).toBe(false);
  });

  it('200: serves full and partial tiles of two levels as immutable bytes', async () => {
    const full = await asGrace('tile/0/001');
    expect(full.status).toBe(200);
    expect(full.headers.get('content-type')).toBe('application/octet-stream');
    expect(full.headers.get('cache-control')).toBe(`private, ${year}`);
    const hashes = (await leaves(0, 512)).map((leaf) => hashLeaf(leaf));
    expect(await bytesOf('tile/0/000')).toEqual(Buffer.concat(hashes.slice(0, 256)));
    expect(await bytesOf('tile/0/001')).toEqual(Buffer.concat(hashes.slice(256)));
    expect(await bytesOf('tile/0/001.p/7')).toEqual(Buffer.concat(hashes.slice(256, 263)));
    const above = [rootOf(hashes.slice(0, 256)), rootOf(hashes.slice(256))];
    expect(await bytesOf('tile/1/000.p/2')).toEqual(Buffer.concat(above));
    expect(await bytesOf('tile/1/000.p/1')).toEqual(Buffer.concat(above.slice(0, 1)));
  });

  it('200: serves bundles of the entries’ canonical bytes, and records the read', async () => {
    const answer = await asGrace('tile/entries/001');
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('cache-control')).toBe(`private, ${year}`);
    const bundle = Buffer.from(await answer.arrayBuffer());
    expect(decodeEntryBundle(bundle, 256)).toEqual(await leaves(256, 512));
    expect(decodeEntryBundle(await bytesOf('tile/entries/002.p/3'), 3)).toEqual(
      await leaves(512, 515),
    );
    expect(await service().newestEntry()).toMatchObject({
      action: 'audit.read',
      details: { route: 'tile/entries/002.p/3' },
    });
  });

  it.each([
    'tile/0/009',
    'tile/0/002',
    'tile/2/000',
    'tile/2/000.p/1',
    'tile/0/000.p/256',
    'tile/0/000.p/0',
    'tile/0/0',
    'tile/0/x000/001',
    'tile/00/000',
    'tile/64/000',
    'tile/0/%30%30%30',
    'tile/0/000/',
    'tile/',
    'tile/entries/009',
    'tile/entries/x',
    'tile/%65ntries/000',
    'tile/entries%2f000',
    `tile/0/${'x999/'.repeat(60)}999`,
  ])('404: does not find %s', async (path) => {
    const answer = await asGrace(path);
    expect(answer.status).toBe(404);
    const { type } = (await answer.json()) as { type: string };
    expect(type).toMatch(/:(audit-entry-not-found|route-not-found)$/);
  });

  it('404: says that the service has no witnesses', async () => {
    const answer = await asGrace('checkpoint/witnessed');
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({
      type: 'urn:acs-identity:problem:checkpoint-not-witnessed',
    });
  });

  it.each(['checkpoint', 'keys', 'tile/0/000', 'tile/entries/000'])(
    '401, 403: serves %s to auditors only',
    async (path) => {
      expect((await get(path)).status).toBe(401);
      expect((await get(path, await service().token('alice'))).status).toBe(403);
    },
  );

  it('200, 403: serves hashes to auditors of every tenant, and entries to those of the home tenant only', async () => {
    const ivan = await service().token('ivan');
    for (const path of ['checkpoint', 'keys', 'tile/0/000'])
      expect((await get(path, ivan)).status, path).toBe(200);
    const answer = await get('tile/entries/000', ivan);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({
      type: 'urn:acs-identity:problem:audit-scope-exceeded',
    });
  });
});

describe('GET /v1/audit/health', () => {
  it('200: shows the home tenant’s auditors how the log, its checks and its sinks are', async () => {
    await expect
      .poll(async () => (await getAudit(service(), 'grace', 'health')).body.verification as unknown)
      .toContainEqual(expect.objectContaining({ name: 'statistics', isLate: false, findings: [] }));
    const before = (await service().auditEntries()).length;
    const { body } = await getAudit(service(), 'grace', 'health');
    expect(body).toMatchObject({
      log: { oldest: { index: 0 }, months: [new Date().toISOString().slice(0, 7)] },
      parts: { database: 'ready' },
      sinks: [],
    });
    expect(body.log.size).toBeGreaterThan(600);
    expect(body).not.toHaveProperty('witnesses');
    expect(await service().auditEntries()).toHaveLength(before);
  });

  it('403: refuses auditors of another tenant, and records it', async () => {
    const { status } = await getAudit(service(), 'ivan', 'health');
    expect(status).toBe(403);
    expect(await service().newestEntry()).toMatchObject({
      action: 'audit.read',
      outcome: 'denied',
      details: { route: 'health' },
    });
  });
});

describe('AUDIT_LOG_PUBLIC=true', () => {
  let url = '';
  beforeAll(async () => {
    ({ url } = await service().addApi({ AUDIT_LOG_PUBLIC: 'true' }));
  });

  it('200: serves checkpoint, tiles and keys without a token', async () => {
    const tile = await get('tile/0/000', undefined, url);
    expect(tile.status).toBe(200);
    expect(tile.headers.get('cache-control')).toBe(`public, ${year}`);
    expect(Buffer.from(await tile.arrayBuffer())).toEqual(await bytesOf('tile/0/000'));
    const keys = await (await get('keys', undefined, url)).text();
    expect(keys).toBe(await (await asGrace('keys')).text());
    const checkpoint = await get('checkpoint', undefined, url);
    expect(checkpoint.headers.get('cache-control')).toBe('public, no-cache');
    expect(isSignedBy(await checkpoint.text(), await publicKey(service()))).toBe(true);
  });

  it('401: serves nothing else without a token', async () => {
    expect((await get('tile/entries/000', undefined, url)).status).toBe(401);
    const period = 'from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';
    for (const path of ['entries', 'export', `statistics?${period}`]) {
      expect((await call(url, 'get', `/v1/audit/${path}`)).status).toBe(401);
    }
  });

  it.each([
    'tile/%65ntries/000',
    'tile/%2e%2e/tile/entries/000',
    'tile/entries%2f000',
    'tile//entries/000',
    'tile/0/../entries/000',
  ])('4xx: serves no entry by way of %s', async (path) => {
    expect((await get(path, undefined, url)).status).toBeGreaterThanOrEqual(400);
  });
});
