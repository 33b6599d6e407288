import { request } from 'node:http';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { issued, openTestLog } from '#libs/audit/testing';
import { SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import { call } from '../../support/call.js';
import { parseLines, parseNdjson } from '../../support/parsers/ndjson.js';
import { followedLines, hasTwoPages } from '../../support/followed-lines.js';
import { runningService } from '../../support/running-service.js';
import { issue, newPerson } from '../../support/tokens-api.js';

const service = runningService({ environment: { DATABASE_TIMEOUT_MS: '1000' } });

/** Repeats it: the deadline of the database, short for the sake of a test below, may be over on a busy machine. */
async function untilIssued(caller: Parameters<typeof issue>[1]): Promise<void> {
  await vi.waitFor(async () => issue(service(), caller), { timeout: 30_000, interval: 100 });
}

beforeAll(async () => {
  for (let n = 0; n < 8; n += 1) await untilIssued(await newPerson(service()));
  await untilIssued('olga');
});

interface Download {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** Whether the body ended properly, rather than with the connection. */
  readonly isComplete: boolean;
}

/** @param meanwhile runs after the first bytes have arrived; no more are read until it is done */
async function download(
  query: string,
  who: 'grace' | 'ivan' | 'alice' = 'grace',
  meanwhile?: () => Promise<void>,
): Promise<Download> {
  const headers = { authorization: `Bearer ${await service().token(who)}` };
  return new Promise((resolve, reject) => {
    const sent = request(`${service().url}/v1/audit/export?${query}`, { headers }, (answer) => {
      let text = '';
      let isWaiting = meanwhile !== undefined;
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (!isWaiting) return;
        isWaiting = false;
        answer.pause();
        meanwhile?.().then(() => answer.resume(), reject);
      });
      answer.once('error', () => undefined);
      answer.once('close', () => {
        const type = answer.headers['content-type'] ?? '';
        resolve({ status: answer.statusCode ?? 0, type, text, isComplete: answer.complete });
      });
    });
    sent.once('error', reject).end();
  });
}

interface NdjsonLine {
  readonly index: number;
  readonly entry: {
    readonly actor: { readonly tenant?: string };
    readonly target?: { readonly tenant?: string };
  };
  readonly personal: { readonly actorDisplayName?: string };
}

function parsed(download: Download): NdjsonLine[] {
  return parseNdjson(download.text);
}

async function follow(query: string, who: 'grace' | 'ivan' = 'grace'): Promise<Response> {
  const headers = { authorization: `Bearer ${await service().token(who)}` };
  return fetch(`${service().url}/v1/audit/follow?${query}`, { headers });
}

describe('GET /v1/audit/follow', () => {
  it('200: streams what is recorded from now on, once, and continues where a stream has ended', async () => {
    const stream = await follow('action=token.issue');
    expect(stream.headers.get('content-type')).toContain('application/x-ndjson');
    const { auditEntry } = await issue(service(), 'bob');
    const lines = await followedLines(stream, (all) => all.some(({ entry }) => entry));
    expect(lines[0]).toEqual({ afterIndex: expect.any(Number) });
    const entries = lines.filter(({ entry }) => entry);
    expect(entries.map(({ index }) => index)).toEqual([auditEntry.index]);
    const place = lines.findLast(({ afterIndex }) => afterIndex !== undefined)?.afterIndex;
    const next = await issue(service(), 'carol');
    const later = await follow(`action=token.issue&afterIndex=${place}`);
    const more = await followedLines(later, hasTwoPages);
    expect(more.flatMap(({ index }) => index ?? [])).toEqual([next.auditEntry.index]);
  });

  it('200: shows auditors of another tenant the entries of their tenant alone', async () => {
    const lines = await followedLines(await follow('afterIndex=0', 'ivan'), hasTwoPages);
    const tenants = lines.flatMap(({ entry }) => (entry ? [JSON.stringify(entry)] : []));
    expect(tenants.length).toBeGreaterThan(0);
    for (const text of tenants) expect(text).toContain(SAMPLE_TENANTS.second.id);
  });

  it('400: refuses what can’t match', async () => {
    expect((await follow('action=token.steal')).status).toBe(400);
    expect((await follow('order=ascending')).status).toBe(400);
  });
});

describe('GET /v1/audit/export', () => {
  it('200: returns every entry in order of index, with its canonical bytes, as NDJSON', async () => {
    const file = await download('format=ndjson');
    expect(file).toMatchObject({ status: 200, isComplete: true, type: 'application/x-ndjson' });
    const recorded = await service().rows<{ leaf: Buffer }>(
      'SELECT leaf FROM audit_entry ORDER BY entry_index',
    );
    const rows = recorded.slice(0, -1); // the last one is of the end of this export
    const lines = parseLines(file.text);
    expect(lines.length).toBe(rows.length);
    lines.forEach((line, nth) => {
      expect(
        line.startsWith(`{"index":${nth},"entry":${rows[nth]?.leaf.toString()},"personal":`),
      ).toBe(true);
    });
    expect(parsed(file).map(({ index }) => index)).toEqual(rows.map((_, nth) => nth));
  });

  // What is in them, with hostile values and for every action: export-formats.spec.ts.
  it.each([
    ['csv', 'text/csv; charset=utf-8'],
    ['cef', 'text/plain; charset=utf-8'],
    ['ocsf', 'application/x-ndjson'],
    ['ecs', 'application/x-ndjson'],
  ])('200: returns %s as %s', async (format, type) => {
    const newest = (await service().auditEntries()).length - 1;
    const file = await download(`format=${format}&fromIndex=${newest}`);
    expect(file).toMatchObject({ status: 200, isComplete: true, type });
    expect(file.text).not.toBe('');
  });

  it('200: starts at fromIndex', async () => {
    const whole = parsed(await download(''));
    const rest = parsed(await download('fromIndex=7'));
    expect(rest[0]?.index).toBe(7);
    expect(rest.slice(0, whole.length - 7)).toEqual(whole.slice(7));
  });

  it('200: returns nothing for an index beyond the log', async () => {
    expect(await download(`fromIndex=${Number.MAX_SAFE_INTEGER}`)).toMatchObject({
      status: 200,
      text: '',
      isComplete: true,
    });
  });

  it('200: returns only entries of the own tenant to an auditor of another tenant', async () => {
    const rows = parsed(await download('', 'ivan'));
    expect(rows.length).toBeGreaterThan(1);
    for (const { entry } of rows) {
      expect([entry.actor.tenant, entry.target?.tenant]).toContain(SAMPLE_TENANTS.second.id);
    }
  });

  it('records the beginning of each export, and its end with the count', async () => {
    const { text } = await download('format=cef&fromIndex=3');
    const [begun, ended] = (await service().auditEntries()).slice(-2);
    const entry = { action: 'audit.export', outcome: 'success' };
    const query = { format: 'cef', fromIndex: 3 };
    expect(begun).toMatchObject({ ...entry, details: { ...query, stage: 'begun' } });
    const exported = text.trim().split('\n').length;
    const result = { stage: 'ended', exported, isComplete: true };
    expect(ended).toMatchObject({ ...entry, details: { ...query, ...result } });
  });

  it.each([
    ['an unknown format', 'format=xml', '/format'],
    ['a negative index', 'fromIndex=-1', '/fromIndex'],
    ['an inverted range', 'fromIndex=3&toIndex=2', '/toIndex'],
    ['a summary of CSV', 'format=csv&summary=true', '/summary'],
    ['an impossible filter', 'action=token.steal', '/action'],
    ['an unknown parameter', 'tenant=x', '/tenant'],
  ])('400: refuses %s', async (_what, query, pointer) => {
    const token = await service().token('grace');
    const { status, body } = await call(service().url, 'get', `/v1/audit/export?${query}`, {
      token,
    });
    expect(status).toBe(400);
    expect(body.errors).toMatchObject([{ pointer }]);
  });

  it('401, 403: refuses calls without a token, and callers who are not auditors', async () => {
    expect((await call(service().url, 'get', '/v1/audit/export')).status).toBe(401);
    expect((await download('', 'alice')).status).toBe(403);
  });

  it('503: returns nothing when the export can’t be recorded', async () => {
    await service().hold('LOCK TABLE audit_head IN ACCESS EXCLUSIVE MODE', async () => {
      const token = await service().token('grace');
      const { status, body } = await call(service().url, 'get', '/v1/audit/export', { token });
      expect(status).toBe(503);
      expect(body.type).toMatch(/(audit|database)-unavailable$/);
    });
  });

  it('200: reads at the client’s speed, ends the connection without a proper end on a failure, and can be resumed', async () => {
    const log = await openTestLog(service().database.serviceUrl, {
      origin: 'localhost/acs-identity',
      timeoutMs: 20_000,
      databaseTimeoutMs: 20_000,
    });
    // More than the buffers between the export and its reader hold: 42 MB in long entries.
    const count = 3_000;
    const details = { text: 'x'.repeat(13_000) };
    for (let done = 0; done < count; done += 250) {
      await log.trail.recordAll(
        Array.from({ length: 250 }, (_, nth) => ({ ...issued(done + nth), details })),
      );
    }
    await log.close();

    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let lock: Promise<void> | undefined;
    const cut = await download('', 'grace', async () => {
      // The database does not answer from here on; the client has read the first bytes only.
      await new Promise<void>((resolve) => {
        lock = service().hold('LOCK TABLE audit_personal IN ACCESS EXCLUSIVE MODE', async () => {
          resolve();
          return released;
        });
      });
    });
    release?.();
    await lock;
    expect(cut.status).toBe(200);
    expect(cut.isComplete).toBe(false);

    const whole = cut.text.slice(0, cut.text.lastIndexOf('\n') + 1);
    const first = parsed({ ...cut, text: whole });
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThan(count);
    const rest = await download(`fromIndex=${first.length}`);
    expect(rest.isComplete).toBe(true);
    const indexes = [...first, ...parsed(rest)].map(({ index }) => index);
    expect(indexes.length).toBeGreaterThan(count);
    expect(indexes.every((index, nth) => index === nth)).toBe(true);
  });
});
