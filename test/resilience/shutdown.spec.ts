import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Response } from 'supertest';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { issued, openTestLog } from '#libs/audit/testing';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { isAlive } from '../../apps/local/src/is-alive.js';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { type IssuedToken, newPerson, type Person, requestToken } from '../support/tokens-api.js';
import { unknownIdentities } from '../support/unknown-identities.js';

/** Three calls in 2 s: most first calls are queued when the signal arrives. */
const service = runningService({
  replicas: 0,
  environment: {
    ACS_BUDGET_CREATE_WITH_TOKEN: '3',
    ACS_BUDGET_WINDOW_MS: '2000',
    ACS_BUDGET_MAX_WAIT_MS: '12000',
    MAPPING_SWEEP_SECONDS: '3600',
  },
});

async function people(count: number): Promise<readonly Person[]> {
  return Promise.all(Array.from({ length: count }, async () => newPerson(service())));
}

/** First calls whose calls to ACS take their time. Returns when the first of them has begun. */
async function slowFirstCalls(replica: ApiProcess, callers: readonly Person[], latencyMs: number) {
  const { control } = service().emulator;
  await control.addFault({ service: 'acs', operation: '*', kind: 'latency', latencyMs });
  onTestFinished(async () => control.removeFaults());
  const results = Promise.all(
    callers.map(async (person) =>
      requestToken(service(), person, {}, replica.url).catch((error: unknown) => error),
    ),
  );
  const hasReachedAcs = expect
    .poll(async () => (await control.listFaults())[0]?.hits ?? 0)
    .toBeGreaterThan(0);
  // Ended before: the answers say why none of them called ACS.
  await Promise.race([hasReachedAcs, results.then(expectTokens)]);
  return { results };
}

function expectTokens(results: readonly unknown[]): void {
  for (const result of results) {
    const text = result instanceof Error ? result.message : (result as Response).text;
    expect(result, text).toMatchObject({ status: 200 });
  }
}

/** A connection that sends this text and receives what comes, up to its first bytes unless `isReading`. */
async function connection(url: string, sent: string, isReading = true): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), 'localhost');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(sent);
  if (isReading) socket.resume();
  else socket.once('data', () => socket.pause());
  return socket;
}

function head(method: string, path: string, token: string, more = ''): string {
  return `${method} ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n${more}\r\n`;
}

/** An import whose caller has sent some lines and keeps the body open. */
async function openImport(url: string, lines: readonly string[]) {
  const outgoing = httpRequest(`${url}/v1/identities/import`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await service().token('ada')}`,
      'content-type': 'application/x-ndjson',
    },
  });
  const answer = new Promise<string>((resolve, reject) => {
    outgoing.on('error', reject).on('response', (response) => {
      text(response).then(resolve, reject);
    });
  });
  for (const line of lines) outgoing.write(`${line}\n`);
  outgoing.write('{"subject": "cut-in-the-mid');
  return answer;
}

/** Fills the log with more than the buffers between an export and its reader hold: 30 MB in long entries. */
async function fillLog(): Promise<void> {
  const log = await openTestLog(service().database.serviceUrl, {
    origin: 'localhost/acs-identity',
    timeoutMs: 60_000,
    databaseTimeoutMs: 60_000,
  });
  const details = { text: 'x'.repeat(4_000) };
  for (let done = 0; done < 6_000; done += 500) {
    await log.trail.recordAll(
      Array.from({ length: 500 }, (_, nth) => ({ ...issued(done + nth), details })),
    );
  }
  await log.close();
}

describe('SIGTERM and SIGINT under load', () => {
  beforeAll(fillLog);

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: slow, queued, half-sent and streaming requests, idle connections: all end in order, with exit code 0',
    async (signal) => {
      const replica = await service().addApi();
      const { url } = replica;
      const callers = await people(9);
      const idle = await connection(url, head('GET', '/health/live', 'none'));
      const halfHead = await connection(url, 'GET /health/live HTTP/1.1\r\nhost: local');
      const auditor = await service().token('grace');
      const slowReader = await connection(url, head('GET', '/v1/audit/export', auditor), false);
      const halfBody = await connection(
        url,
        head(
          'POST',
          '/v1/me/tokens',
          auditor,
          'content-type: application/json\r\ncontent-length: 99\r\n',
        ) + '{"sc',
      );
      const imported = Array.from({ length: 250 }, (_, nth) => `stop-${signal}-${nth}`);
      const importing = openImport(
        url,
        imported.map((subject) => JSON.stringify({ subject })),
      );
      // Awaited at the end, where a failure is reported.
      importing.catch(() => undefined);
      const { results: calls } = await slowFirstCalls(replica, callers, 1_000);
      const closed = [idle, halfHead, halfBody, slowReader].map(async (socket) =>
        once(socket, 'close'),
      );
      replica.process.kill(signal);
      const results = await calls;
      await service().emulator.control.removeFaults();
      expectTokens(results);
      for (const result of results) {
        expect(result).toMatchObject({ headers: { connection: 'close' } });
      }
      const lines = (await importing)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines.at(-1)).toMatchObject({ summary: { isComplete: false } });
      const acknowledged = lines.filter(({ outcome }) => outcome === 'created').length;
      expect(await replica.ended).toBe(0);
      slowReader.resume();
      await Promise.all(closed);

      expect(await unknownIdentities(service())).toEqual([]);
      const entries = await service().auditEntries();
      const ids = new Set(entries.map(({ id }) => id));
      for (const result of results) {
        const { auditEntry } = (result as { body: IssuedToken }).body;
        expect(ids).toContain(auditEntry.id);
      }
      const [stored] = await service().rows<{ count: string }>(
        'SELECT count(*) FROM mapping WHERE subject LIKE $1',
        [`stop-${signal}-%`],
      );
      expect(Number(stored?.count)).toBe(acknowledged);
      expect(entries.some(({ target }) => target?.subject?.startsWith('cut-in'))).toBe(false);
      await expect.poll(() => service().logLines.join('\n')).toContain('"all requests have ended"');
    },
    90_000,
  );

  it('completes first calls whose callers have hung up before it exits', async () => {
    const replica = await service().addApi();
    const { control } = service().emulator;
    await control.addFault({ service: 'acs', operation: '*', kind: 'latency', latencyMs: 2_000 });
    onTestFinished(async () => control.removeFaults());
    const sockets = await Promise.all(
      (await people(3)).map(async ({ bearer }) =>
        connection(
          replica.url,
          head(
            'POST',
            '/v1/me/tokens',
            bearer,
            'content-type: application/json\r\ncontent-length: 2\r\n',
          ) + '{}',
        ),
      ),
    );
    const before = (await control.listIdentities()).length;
    await expect.poll(async () => (await control.listFaults())[0]?.hits ?? 0).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
    replica.process.kill('SIGTERM');
    expect(await replica.ended).toBe(0);
    expect((await control.listIdentities()).length).toBeGreaterThanOrEqual(before);
    expect(await unknownIdentities(service())).toEqual([]);
  });
});

describe('SIGTERM after exports whose readers have gone', () => {
  it('does not wait for streams that nobody reads', async () => {
    const replica = await service().addApi();
    const token = await service().token('grace');
    const admin = await service().token('ada');
    const paths = [
      head('GET', '/v1/audit/export', token),
      head('GET', '/v1/identities/export', admin),
    ];
    for (let n = 0; n < 40; n += 1) {
      const socket = await connection(replica.url, paths[n % 2] ?? '', n % 3 === 0);
      await delay(n % 12);
      socket.destroy();
    }
    replica.process.kill('SIGTERM');
    // 1 when a stream had to be cut off.
    expect(await replica.ended).toBe(0);
  });
});

describe('the order of a shutdown', () => {
  it('is first not ready while it still accepts connections, for SHUTDOWN_DELAY_MS', async () => {
    const replica = await service().addApi({ SHUTDOWN_DELAY_MS: '5000' });
    const [person] = await people(1);
    replica.process.kill('SIGTERM');
    const readiness = async () => fetch(`${replica.url}/health/ready`);
    await expect.poll(async () => (await readiness()).status, { interval: 20 }).toBe(503);
    const answer = await readiness();
    expect(await answer.json()).toMatchObject({ parts: { shutdown: 'not ready' } });
    expect(answer.headers.get('connection')).toBe('close');
    if (person) expect((await requestToken(service(), person, {}, replica.url)).status).toBe(200);
    expect(await replica.ended).toBe(0);
  });

  it('cuts requests off that do not end within SHUTDOWN_TIMEOUT_MS: exit code 1 and a line in the log', async () => {
    const replica = await service().addApi({ SHUTDOWN_TIMEOUT_MS: '1000' });
    const { results: calls } = await slowFirstCalls(replica, await people(1), 4_000);
    replica.process.kill('SIGTERM');
    expect(await replica.ended).toBe(1);
    for (const result of await calls) expect(result).toBeInstanceOf(Error);
    await expect
      .poll(() => service().logLines.join('\n'))
      .toContain('"requests did not end in time and were cut off"');
  });

  it('ends at once, with exit code 1, on a second signal later than the first', async () => {
    const replica = await service().addApi();
    const { results: calls } = await slowFirstCalls(replica, await people(1), 8_000);
    replica.process.kill('SIGTERM');
    await delay(1_500);
    replica.process.kill('SIGTERM');
    // 0 when it had waited for the call.
    expect(await replica.ended).toBe(1);
    await calls;
  });

  it('takes a second signal at the same time for the same stop', async () => {
    const replica = await service().addApi();
    const { results: calls } = await slowFirstCalls(replica, await people(1), 1_500);
    replica.process.kill('SIGINT');
    replica.process.kill('SIGTERM');
    expect(await replica.ended).toBe(0);
    expect(await calls).toMatchObject([{ status: 200 }]);
  });
});

describe('npm run start:dev', () => {
  /** A program that says nothing, under a watcher, under a supervisor. */
  async function startWatching() {
    const folder = await mkdtemp(join(tmpdir(), 'acs-identity-watch-'));
    onTestFinished(async () => rm(folder, { recursive: true, force: true }));
    const [program, pidFile] = [join(folder, 'program.mjs'), join(folder, 'pid')];
    await writeFile(
      program,
      `import { writeFileSync } from 'node:fs';
       writeFileSync(${JSON.stringify(pidFile)}, process.ppid + ' ' + process.pid);
       setInterval(() => undefined, 1000);`,
    );
    const options = [
      '--import',
      join(repositoryRoot, 'dist/apps/local/src/stop-with-supervisor.js'),
    ];
    const supervisor = spawn(process.execPath, [
      '-e',
      `require('node:child_process').spawn(process.execPath,
        ${JSON.stringify([...options, '--watch', program])},
        { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
          env: { ...process.env, LOCAL_SUPERVISOR_PROCESS_ID: String(process.pid) } })`,
    ]);
    const processIds = async () =>
      (await readFile(pidFile, 'utf8').catch(() => '')).split(' ').filter(Boolean).map(Number);
    await expect.poll(processIds).toHaveLength(2);
    const started = await processIds();
    onTestFinished(() => {
      for (const id of started) if (isAlive(id)) process.kill(id, 'SIGKILL');
    });
    expect(started.every(isAlive)).toBe(true);
    const [watcher = 0] = started;
    return { supervisor, watcher, started };
  }

  it('leaves no watcher and no silent program of the watch mode when the supervisor is killed', async () => {
    const { supervisor, started } = await startWatching();
    supervisor.kill('SIGKILL');
    await expect.poll(() => started.some(isAlive), { timeout: 10_000 }).toBe(false);
  });

  it('leaves no program either when the watcher dies before it has stopped the program', async () => {
    const { supervisor, watcher, started } = await startWatching();
    process.kill(watcher, 'SIGSTOP');
    supervisor.kill('SIGKILL');
    await expect.poll(async () => hasPending(watcher, constants.signals.SIGTERM)).toBe(true);
    process.kill(watcher, 'SIGKILL');
    await expect.poll(() => started.some(isAlive), { timeout: 10_000 }).toBe(false);
  });
});

/** Whether a stopped process has got a signal that it has not handled. */
async function hasPending(processId: number, signal: number): Promise<boolean> {
  const status = await readFile(`/proc/${processId}/status`, 'utf8');
  const [, mask = '0'] = /^ShdPnd:\s+([\da-f]+)$/m.exec(status) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n;
}
