import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { runningService } from '../support/running-service.js';
import { newPerson, type Person, requestToken } from '../support/tokens-api.js';

/** Leases longer than the delay of ACS; another replica takes over after 12 s. */
const service = runningService({
  environment: {
    ACS_TIMEOUT_MS: '6000',
    ACS_BUDGET_MAX_WAIT_MS: '3000',
    MAPPING_LEASE_MS: '12000',
    MAPPING_SWEEP_SECONDS: '1',
  },
});

/** In which the headers of a request have to arrive. */
const HEADERS_TIMEOUT_MS = 10_000;

/** First calls that wait for ACS in a replica of their own. */
interface PendingCalls {
  readonly replica: ApiProcess;
  readonly people: readonly Person[];
  /** Status of each response; the error when there is none. */
  readonly results: Promise<readonly unknown[]>;
}

async function pendingFirstCalls(count: number): Promise<PendingCalls> {
  const { control } = service().emulator;
  const replica = await service().addApi();
  await requestToken(service(), await newPerson(service()), {}, replica.url);
  const people = await Promise.all(Array.from({ length: count }, async () => newPerson(service())));
  await control.addFault({ service: 'acs', operation: '*', kind: 'latency', latencyMs: 3_000 });
  const results = Promise.all(
    people.map(async (person) =>
      requestToken(service(), person, {}, replica.url).then(
        ({ status }) => status,
        (error: unknown) => error,
      ),
    ),
  );
  await expect.poll(async () => (await control.listFaults())[0]?.hits).toBe(count);
  return { replica, people, results };
}

describe('SIGTERM to an api process', () => {
  it('answers the requests that it has received, then exits with 0', async () => {
    const { replica, results } = await pendingFirstCalls(5);
    await replica.stop();
    await service().emulator.control.removeFaults();
    expect(await results).toEqual([200, 200, 200, 200, 200]);
    expect(await replica.ended).toBe(0);
  });
});

describe('SIGKILL of an api process', () => {
  it('leaves mappings that another replica completes: one identity for each person, and the lost outcome recorded', async () => {
    const { replica, people, results } = await pendingFirstCalls(5);
    replica.process.kill('SIGKILL');
    await service().emulator.control.removeFaults();
    for (const result of await results) expect(result).toBeInstanceOf(Error);

    for (const person of people) {
      const status = async () => (await requestToken(service(), person)).status;
      await expect.poll(status).toBe(200);
    }
    const subjects = people.map(({ oid }) => oid);
    const mappings = await service().rows<{ status: string }>(
      'SELECT status FROM mapping WHERE subject = ANY($1)',
      [subjects],
    );
    expect(mappings.map(({ status }) => status)).toEqual(subjects.map(() => 'active'));
    const entries = await service().auditEntries();
    for (const subject of subjects) {
      const actions = entries
        .filter(({ action, target }) => target?.subject === subject && action !== 'token.issue')
        .map(({ action }) => action);
      expect(actions).toEqual(['identity.outcome-unknown', 'identity.create']);
    }
  });
});

describe('SIGSTOP and SIGCONT of an api process', () => {
  it('answers requests whose headers arrived while it was stopped, however long that was', async () => {
    const { apis, url } = service();
    const api = apis[0]?.process ?? expect.unreachable();
    const sockets = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const socket = connect(Number(new URL(url).port), 'localhost');
        onTestFinished(() => void socket.destroy());
        await once(socket, 'connect');
        socket.write('GET /health/live HTTP/1.1\r\nhost: local');
        return socket;
      }),
    );
    // By its answers, it has read the halves of the headers.
    for (let n = 0; n < 5; n += 1) await (await fetch(`${url}/health/live`)).text();
    api.kill('SIGSTOP');
    for (const socket of sockets) socket.write('host\r\nconnection: close\r\n\r\n');
    await delay(HEADERS_TIMEOUT_MS + 6_000);
    api.kill('SIGCONT');
    for (const answer of await Promise.all(sockets.map(async (socket) => text(socket))))
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});
