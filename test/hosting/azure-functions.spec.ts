import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Receipt } from '../support/audit-api.js';
import { call } from '../support/call.js';
import { CLIENT_ADDRESS } from '../support/functions-headers.js';
import { FUNCTION_KEY, FunctionsHost } from '../support/functions-host.js';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { issue, newPerson, requestToken } from '../support/tokens-api.js';

interface AppSetting {
  readonly name: string;
  readonly value: string;
}

const service = runningService({ replicas: 0 });
let folder: string;
let host: FunctionsHost;

/** What the platform and its tools set, beside what an operator does. */
const platform = {
  ...{ AzureWebJobsStorage: 'UseDevelopmentStorage=true', AzureWebJobsScriptRoot: '/home/site' },
  ...{ FUNCTIONS_EXTENSION_VERSION: '~4', FUNCTIONS_WORKER_PROCESS_COUNT: '1' },
  ...{ WEBSITE_SITE_NAME: 'tokens', WEBSITE_HOSTNAME: 'tokens.test', WEBSITE_INSTANCE_ID: 'a1' },
  ...{ CONTAINER_NAME: 'c', HOST: '0.0.0.0', PORT: '80', ASPNETCORE_URLS: 'http://*:80' },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-functions-'));
  const root = join(folder, 'app');
  const script = join(repositoryRoot, 'scripts/functions-package.mjs');
  await promisify(execFile)(process.execPath, [script, root, '--without-node']);
  const shipped = JSON.parse(
    await readFile(join(repositoryRoot, 'deploy/functions/app-settings.json'), 'utf8'),
  ) as AppSetting[];
  host = await FunctionsHost.start({
    root,
    settings: {
      ...service().environment,
      ...Object.fromEntries(shipped.map(({ name, value }) => [name, value])),
      ...platform,
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    },
    onLine: (line) => void service().logLines.push(line),
  });
});
afterAll(async () => {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Reply {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: unknown;
}

/** Sends exactly these headers. */
async function send(url: string, headers: Record<string, string>, body = ''): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(text) });
      });
    });
    sent.on('error', reject).end(body);
  });
}

/** A reply without what differs between any two. */
function comparable({ status, headers, body }: Reply): unknown {
  const { 'x-request-id': _id, date: _date, ...others } = headers;
  return { status, headers: others, body: { ...(body as object), requestId: undefined } };
}

/** Work for a sweep: the counts of a past minute. @returns whether it is still there */
async function addPastCounts(): Promise<() => Promise<boolean>> {
  const key = Buffer.from(randomUUID().replaceAll('-', '').repeat(2), 'hex');
  await service().rows('INSERT INTO request_usage (minute, key, used) VALUES (1, $1, 1)', [key]);
  return async () =>
    (await service().rows('SELECT FROM request_usage WHERE key = $1', [key])).length === 1;
}

const readiness = async () => (await call(host.url, 'get', '/health/ready')).status;

describe('the function app behind the host of Azure Functions', () => {
  it('becomes ready', async () => {
    await expect.poll(readiness).toBe(200);
  });

  it('200: issues a token, and records who called from where, under which id', async () => {
    const person = await newPerson(service());
    const requestId = `order-${randomUUID()}`;
    const response = await call(host.url, 'post', '/v1/me/tokens', {
      token: person.bearer,
      body: {},
      headers: { 'x-request-id': requestId, 'x-forwarded-for': '6.6.6.6', 'client-ip': '6.6.6.6' },
    });
    expect(response.status, response.text).toBe(200);
    expect(response.headers['x-request-id']).toBe(requestId);
    const { token, auditEntry } = response.body as { token: string; auditEntry: Receipt };
    service().scanner.forbid(token);
    const entries = await service().auditEntries();
    const entry = entries.find(({ id }) => id === auditEntry.id);
    expect(entry).toMatchObject({ action: 'token.issue', request: { id: requestId } });
    const personal = await service().rows(
      'SELECT client_address FROM audit_personal WHERE entry_index = $1',
      [auditEntry.index],
    );
    expect(personal).toEqual([{ client_address: CLIENT_ADDRESS }]);
  });

  it('has the id of the invocation as request id where the caller sent none', async () => {
    const { headers } = await call(host.url, 'get', '/v1/me/identity');
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const id = String(headers['x-request-id']);
    await expect.poll(() => service().logLines.some((line) => line.includes(id))).toBe(true);
  });

  it('passes problem details and their headers on unchanged', async () => {
    for (const path of ['/v1/me/tokens', '/nowhere', '/v1/me/tokens?a=1&a=2']) {
      const headers = { 'content-type': 'application/json' };
      const direct = await send(`${host.handlerUrl}${path}`, headers);
      const proxied = await send(`${host.url}${path}`, headers);
      const withoutConnection = ({ headers: all, ...rest }: Reply): Reply => {
        const { connection: _connection, 'keep-alive': _keepAlive, ...others } = all;
        return { ...rest, headers: others };
      };
      expect(comparable(withoutConnection(proxied))).toEqual(comparable(withoutConnection(direct)));
      expect(proxied.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });
});

describe('the metrics', () => {
  it('are for holders of a function key, however the path is written', async () => {
    const status = async (path: string, key: string) =>
      (await fetch(`${host.url}${path}`, { headers: { 'x-functions-key': key } })).status;
    expect(await status('/metrics', FUNCTION_KEY)).toBe(200);
    for (const path of ['/metrics', '/metrics?a=1', '/METRICS', '/metrics/', '/%6detrics'])
      expect(await status(path, 'another'), path).toBe(401);
    expect(await status('//metrics', 'another')).toBe(404);
  });
});

describe('the timer function', () => {
  it('runs the sweeps, as often as it is called', async () => {
    const isThere = await addPastCounts();
    expect(await host.runTimer('sweep')).toEqual(['sweeps complete']);
    expect(await isThere()).toBe(false);
    expect(await host.runTimer('sweep')).toEqual(['sweeps complete']);
    await expect
      .poll(() => service().logLines.filter((line) => line.includes('"sweeps ended"')))
      .toHaveLength(2);
  });

  it('404: strangers reach no such path, whatever they send', async () => {
    const isThere = await addPastCounts();
    const timer = {
      'user-agent': 'Azure-Functions-Host/4.1048.200.0',
      'content-type': 'application/json; charset=utf-8',
      'x-azure-functions-hostversion': '4.1048.200.0',
      'x-azure-functions-invocationid': randomUUID(),
    };
    const payload = JSON.stringify({ Data: { timer: {} }, Metadata: {} });
    const attempts: Record<string, string>[] = [
      {},
      timer,
      { ...timer, connection: 'x-forwarded-for, x-forwarded-proto, x-ms-invocation-id, client-ip' },
      { ...timer, 'x-ms-invocation-id': '', 'x-forwarded-for': '', 'x-forwarded-proto': '' },
      { ...timer, 'x-forwarded-for': '127.0.0.1', 'client-ip': '127.0.0.1', host: '127.0.0.1' },
      { ...timer, 'x-http-method-override': 'POST', 'x-original-url': '/sweep' },
    ];
    for (const headers of attempts) {
      const unknown = await send(`${host.url}/nowhere`, headers, payload);
      expect(unknown.status).toBe(404);
      for (const path of ['/sweep', '/Sweep', '/sweep/', '/sweep?', '/%73weep', '//sweep']) {
        const reply = await send(`${host.url}${path}`, headers, payload);
        expect(comparable(reply), path).toEqual(comparable(unknown));
      }
    }
    expect(await isThere()).toBe(true);
  });

  it('fails its call while the database refuses a sweep, so that the host counts it', async () => {
    await service().rows('ALTER TABLE request_usage RENAME TO request_usage_away');
    await expect(host.runTimer('sweep')).rejects.toThrow(/503.*delete past request counts/);
    await service().rows('ALTER TABLE request_usage_away RENAME TO request_usage');
    expect(await host.runTimer('sweep')).toEqual(['sweeps complete']);
  });
});

describe('SIGKILL by the host', () => {
  it('loses nothing: the timer completes what first calls left, and each person has one identity', async () => {
    const { control } = service().emulator;
    const people = await Promise.all([1, 2, 3].map(async () => newPerson(service())));
    const subjects = people.map(({ oid }) => oid);
    const fault = { service: 'acs', operation: '*', kind: 'latency', latencyMs: 3_000 } as const;
    await control.addFault(fault);
    const calls = people.map(async (person) =>
      requestToken(service(), person, {}, host.url).catch(() => undefined),
    );
    await expect.poll(async () => (await control.listFaults())[0]?.hits).toBe(people.length);
    await host.killHandler();
    await control.removeFaults();
    await Promise.all(calls);

    // The host starts the process again, and retries connections meanwhile.
    await expect.poll(readiness).toBe(200);
    await service().rows('UPDATE mapping SET lease_expires_at = now() WHERE subject = ANY($1)', [
      subjects,
    ]);
    expect(await host.runTimer('sweep')).toEqual(['sweeps complete']);
    const actionsOf = async (subject: string): Promise<string[]> =>
      (await service().auditEntries())
        .filter(({ target }) => target?.subject === subject)
        .map(({ action }) => action);
    for (const subject of subjects)
      expect(await actionsOf(subject)).toEqual(['identity.outcome-unknown']);

    for (const person of people) {
      const first = await issue(service(), person, {}, host.url);
      const second = await issue(service(), person, {}, host.url);
      expect(second.identity).toEqual(first.identity);
      expect(await actionsOf(person.oid)).toEqual([
        'identity.outcome-unknown',
        ...['identity.create', 'token.issue', 'token.issue'],
      ]);
    }
  });
});
