import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpTestReceiver } from '#libs/audit-delivery/testing';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { getAudit } from '../support/audit-api.js';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

const SECRET = Buffer.alloc(32, 7).toString('base64');
const QUERY = 'api-version=2016-10-01&sig=b64b1f0e5d9e4d43a1a70c8c2a2f9b11';
const HEC_TOKEN = 'f3c1a8de-9a54-4a1e-b3a4-9a0b7f3a1c55';
const folder = mkdtempSync(join(tmpdir(), 'audit-delivery-'));
const file = join(folder, 'sinks.yaml');

interface Event {
  readonly id: string;
  readonly data: { readonly index: number; readonly entry: { readonly action: string } };
}

let hook: HttpTestReceiver;
let splunk: HttpTestReceiver;
const events: Event[] = [];
let isSplunkDown = true;

beforeAll(async () => {
  hook = await HttpTestReceiver.start(({ body }) => {
    events.push(...(JSON.parse(body.toString()) as Event[]));
    return { status: 204 };
  });
  splunk = await HttpTestReceiver.start(() =>
    isSplunkDown
      ? { status: 503, retryAfter: '1' }
      : { status: 200, body: '{"text":"Success","code":0}' },
  );
  writeFileSync(
    file,
    `version: 1
sinks:
  - name: hook
    type: webhook
    url: ${hook.url}
    query: { environment: DELIVERY_QUERY }
    signingSecrets: [{ environment: DELIVERY_SECRET }]
  - name: siem
    type: splunk
    url: ${splunk.url}
    token: { secret: splunk-token }
`,
  );
});
const service = runningService({
  emulator: { secrets: { 'splunk-token': HEC_TOKEN } },
  environment: {
    AUDIT_SINKS_FILE: file,
    AUDIT_SINKS_POLL_MS: '200',
    DELIVERY_SECRET: SECRET,
    DELIVERY_QUERY: QUERY,
  },
});
afterAll(async () => {
  await hook.stop();
  await splunk.stop();
  rmSync(folder, { recursive: true });
});

async function command(...args: string[]): Promise<CommandResult> {
  const environment = {
    ...operatorEnvironment(service()),
    AUDIT_SINKS_FILE: file,
    DELIVERY_SECRET: SECRET,
    DELIVERY_QUERY: QUERY,
  };
  return acsIdentity(args, { environment });
}

async function failureOf(name: string): Promise<string | null | undefined> {
  const sql = 'SELECT failure FROM audit_sink WHERE name = $1';
  const [row] = await service().rows<{ failure: string | null }>(sql, [name]);
  return row?.failure;
}

describe('the delivery of the audit log', () => {
  it('brings every entry to the sinks that work, while another one fails', async () => {
    service().scanner.forbid(SECRET, HEC_TOKEN, QUERY);
    const { auditEntry } = await issue(service(), 'alice');
    await expect.poll(() => events.map(({ id }) => id)).toContain(auditEntry.id);
    expect(hook.requests.at(-1)?.path).toBe(`/?${QUERY}`);
    const indexes = events.map(({ data }) => data.index);
    expect(indexes).toEqual(indexes.map((_, nth) => nth));
  });

  it('records to which systems the log is delivered, without credentials', async () => {
    const sinks = [`hook: webhook ${hook.url}/`, `siem: splunk ${splunk.url}/`];
    await expect
      .poll(async () => (await service().auditEntries()).map(({ details }) => details?.sinks))
      .toContainEqual(sinks);
  });

  it('stays ready when a sink fails, and says so', async () => {
    await expect
      .poll(async () => {
        const answer = await call(service().url, 'get', '/health/ready');
        return answer.body as unknown;
      })
      .toMatchObject({ status: 'ready', parts: { 'audit delivery': 'degraded' } });
  });

  it('shows operators how far each sink is and why it fails', async () => {
    await expect.poll(async () => failureOf('siem')).toBe('unavailable');
    const { code, stdout } = await command('audit', 'sinks', 'status');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^hook \(webhook\): works; /m);
    expect(stdout).toMatch(/^siem \(splunk\): FAILS; \d+ behind, \d+ s; next index 0$/m);
    expect(stdout).toMatch(/^ {2}unavailable since \S+Z: \S+ answered 503$/m);
  });

  it('shows auditors the same without addresses and reasons', async () => {
    await expect.poll(async () => failureOf('siem')).toBe('unavailable');
    const { body, text } = await getAudit(service(), 'grace', 'health');
    expect(body.sinks).toMatchObject([
      { name: 'hook', type: 'webhook', deliveredAt: expect.any(String) as string },
      { name: 'siem', type: 'splunk', failure: 'unavailable' },
    ]);
    expect(body).toMatchObject({
      isHealthy: false,
      concerns: expect.arrayContaining(['the sink siem is unavailable']) as string[],
    });
    expect(text).not.toContain('127.0.0.1');
  });

  it('tries a sink on request', async () => {
    const { code, stdout } = await command('audit', 'sinks', 'test', 'hook');
    expect(code).toBe(0);
    const id = /record (\S+) /.exec(stdout)?.[1];
    expect(events.find((event) => event.id === id)?.data.entry.action).toBe('x-sink.test');
    const failed = await command('audit', 'sinks', 'test', 'siem');
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('answered 503') as string,
    });
  });

  it('brings everything to the failing sink once it works again', async () => {
    isSplunkDown = false;
    await expect
      .poll(async () => {
        await service().rows(`UPDATE audit_sink SET retry_at = now() WHERE name = 'siem'`);
        return failureOf('siem');
      })
      .toBeNull();
    expect(
      splunk.requests.every(({ headers }) => headers.authorization === `Splunk ${HEC_TOKEN}`),
    ).toBe(true);
  });
});
