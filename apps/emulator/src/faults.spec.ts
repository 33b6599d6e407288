import { CommunicationIdentityClient } from '@azure/communication-identity';
import { describe, expect, it } from 'vitest';
import { Faults, type FaultRequest } from './faults.js';
import { useEmulator } from './testing.js';

const running = useEmulator();

function acs(maxRetries = 0): CommunicationIdentityClient {
  const { acsResources } = running();
  const retryOptions = { maxRetries, retryDelayInMs: 1 };
  return new CommunicationIdentityClient(acsResources[0]?.connectionString ?? '', { retryOptions });
}

async function fetchKeys(signal?: AbortSignal): Promise<Response> {
  const { entraUrl, tenantId } = running();
  return fetch(`${entraUrl}/${tenantId}/discovery/v2.0/keys`, {
    redirect: 'manual',
    ...(signal === undefined ? {} : { signal }),
  });
}

async function arm(fault: Omit<FaultRequest, 'service' | 'operation'>): Promise<void> {
  await running().control.addFault({ service: 'entra', operation: 'keys', ...fault });
}

async function armCreate(fault: Omit<FaultRequest, 'service' | 'operation'>): Promise<void> {
  await running().control.addFault({ service: 'acs', operation: 'create', ...fault });
}

describe('a fault', () => {
  it('of kind status responds with the status without executing the operation', async () => {
    await armCreate({
      kind: 'status',
      status: 500,
      body: { error: { code: 'InternalServerError', message: 'down' } },
    });
    await expect(acs().createUser()).rejects.toMatchObject({ statusCode: 500, message: 'down' });
    expect(await running().control.listIdentities()).toEqual([]);
  });

  it('of kind status responds with its headers', async () => {
    await arm({ kind: 'status', status: 429, headers: { 'retry-after': '7' } });
    const response = await fetchKeys();
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('7');
  });

  it('of kind reset closes the connection without executing the operation', async () => {
    await armCreate({ kind: 'reset' });
    await expect(acs().createUser()).rejects.toThrow();
    expect(await running().control.listIdentities()).toEqual([]);
  });

  it('of kind reply-lost executes the operation and closes the connection, so that a retry creates an orphan', async () => {
    await armCreate({ kind: 'reply-lost', count: 1 });
    const user = await acs(1).createUser();
    const identities = await running().control.listIdentities();
    expect(identities).toHaveLength(2);
    expect(identities[1]?.id).toBe(user.communicationUserId);
  });

  it('of kind malformed executes the operation and responds with a broken body', async () => {
    await armCreate({ kind: 'malformed' });
    await expect(acs().createUser()).rejects.toThrow();
    expect(await running().control.listIdentities()).toHaveLength(1);
    await arm({ kind: 'malformed', body: '<html>' });
    const response = await fetchKeys();
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('<html>');
  });

  it('of kind hang never responds', async () => {
    await arm({ kind: 'hang' });
    await expect(fetchKeys(AbortSignal.timeout(200))).rejects.toThrow(/abort|timeout/i);
    const [entry] = await running().control.readJournal({ operation: 'keys' });
    expect(entry).toMatchObject({ fault: 'hang' });
    expect(entry).not.toHaveProperty('status');
  });

  it('of kind oversized responds with a body of the requested size', async () => {
    await arm({ kind: 'oversized', sizeBytes: 1_000_000 });
    const body = await (await fetchKeys()).text();
    expect(body.length).toBeGreaterThanOrEqual(1_000_000);
    expect(JSON.parse(body)).toHaveProperty('padding');
  });

  it('of kind redirect leads to a page that journals its visits', async () => {
    await arm({ kind: 'redirect' });
    const response = await fetchKeys();
    expect(response.status).toBe(302);
    await fetch(response.headers.get('location') ?? '');
    expect(await running().control.readJournal({ service: 'control' })).toHaveLength(1);
  });

  it('of kind latency delays the response', async () => {
    await arm({ kind: 'latency', latencyMs: 300 });
    const startedAtMs = performance.now();
    expect((await fetchKeys()).status).toBe(200);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(299);
  });

  it('ends after its count, or when it is removed', async () => {
    const { control } = running();
    const fault = { service: 'entra', operation: '*', kind: 'status' } as const;
    await control.addFault({ ...fault, count: 2 });
    const statuses = [await fetchKeys(), await fetchKeys(), await fetchKeys()];
    expect(statuses.map(({ status }) => status)).toEqual([503, 503, 200]);
    const id = await control.addFault(fault);
    expect(await control.listFaults()).toMatchObject([{ hits: 2 }, { id, hits: 0 }]);
    await control.removeFaults(id);
    expect((await fetchKeys()).status).toBe(200);
    await control.addFault(fault);
    await control.removeFaults();
    expect((await fetchKeys()).status).toBe(200);
  });
});

describe('the probability of a fault', () => {
  const sample = (seed: number): boolean[] => {
    const faults = new Faults();
    faults.add({ service: 'acs', operation: '*', kind: 'reset', probability: 0.3, seed });
    return Array.from({ length: 1000 }, () => faults.matches('acs', 'issue').length > 0);
  };

  it('repeats for the same seed', () => {
    expect(sample(7)).toEqual(sample(7));
    expect(sample(7)).not.toEqual(sample(8));
  });

  it('matches at the rate of the probability', () => {
    const hits = sample(7).filter(Boolean).length;
    expect(hits).toBeGreaterThan(250);
    expect(hits).toBeLessThan(350);
  });
});
