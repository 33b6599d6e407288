import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { PERMISSIONS } from '#libs/authentication';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { type PersonData, type Probe, tenantProbes } from './tenant-probes.js';

const service = runningService({
  environment: {
    AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
    VISITOR_KEY_SECRET: 'invitation-key',
  },
});
const tenant = SAMPLE_TENANTS.home.id;

/**
 * Reading these, or a call with only the caller's token or an invitation, involves no identifier of the request. So do the
 * routes of samples, which are for the caller's own identity.
 */
const withoutIdentifiers =
  /^GET \/v1\/(audit\/(log|export|follow|health|statistics)|me|(identities|teams-phone\/assignments)\/export)|\/(me|visitors)\/|^[A-Z]+ \/(?!v1\/)/;

/** Identifiers; a token and its fingerprint are none. */
function inCapitals(of: PersonData): PersonData {
  return {
    ...of,
    tenant: of.tenant.toUpperCase(),
    subject: of.subject.toUpperCase(),
    identityId: of.identityId.toUpperCase(),
    // The type before the GUIDs is no GUID, but ACS ids are compared as a whole.
    communicationUserId: of.communicationUserId.toUpperCase(),
    entryId: of.entryId.toUpperCase(),
    revocationId: of.revocationId.toUpperCase(),
    invitationId: of.invitationId.toUpperCase(),
  };
}

const example: PersonData = {
  tenant,
  subject: 'subject',
  identityId: randomUUID(),
  communicationUserId: '8:acs:',
  token: 'token',
  fingerprint: 'fingerprint',
  entryId: randomUUID(),
  entryIndex: 0,
  revocationId: randomUUID(),
  invitationId: randomUUID(),
};

async function administrator(): Promise<string> {
  const permissions = [...PERMISSIONS];
  return service().emulator.control.mintToken({
    person: 'alice',
    tenant,
    claims: { oid: randomUUID(), scp: permissions.join(' '), roles: permissions },
  });
}

async function send(method: string, { path, body }: Probe, token: string): Promise<Response> {
  return fetch(`${service().url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && {
        'content-type': typeof body === 'string' ? 'application/x-ndjson' : 'application/json',
      }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

interface Issued {
  readonly token: string;
  readonly identity: { readonly id: string; readonly communicationUserId: string };
  readonly auditEntry: { readonly id: string; readonly index: number };
}

/** Two, each of which takes seconds: of the persons in turn. */
let revocations: readonly string[] = [];
let persons = 0;

async function person(): Promise<PersonData> {
  persons += 1;
  // Every GUID has letters, so that its two forms differ.
  const subject = `abcdef${randomUUID().slice(6)}`;
  const token = await service().emulator.control.mintToken({
    person: 'alice',
    tenant,
    claims: { oid: subject },
  });
  const answer = await send('POST', { path: '/v1/me/tokens', body: {} }, token);
  const issued = (await answer.json()) as Issued;
  const assignment = `/v1/teams-phone/assignments/${tenant}/${subject}`;
  const body = { principalType: 'user' };
  await send('PUT', { path: assignment, body }, await administrator());
  const entries = await service().auditEntries();
  return {
    tenant,
    subject,
    identityId: issued.identity.id,
    communicationUserId: issued.identity.communicationUserId,
    token: issued.token,
    fingerprint: entries.find(({ id }) => id === issued.auditEntry.id)?.token?.fingerprint ?? '',
    entryId: issued.auditEntry.id,
    entryIndex: issued.auditEntry.index,
    revocationId: revocations[persons % 2] ?? '',
    invitationId: await invite(),
  };
}

/** Starts a mass revocation of nobody: of an invitation that has let in nobody. */
async function startRevocation(): Promise<string> {
  const body = { invitation: await invite(), reason: 'a drill' };
  const token = await administrator();
  const answer = await send('POST', { path: '/v1/revocations', body }, token);
  const { id } = (await answer.json()) as { id: string };
  // While it runs, its answers change.
  await vi.waitFor(
    async () => {
      const progress = await send('GET', { path: `/v1/revocations/${id}` }, token);
      expect(await progress.json()).toMatchObject({ status: 'completed' });
    },
    { timeout: 30_000, interval: 100 },
  );
  return id;
}

async function invite(): Promise<string> {
  const body = { meeting: 'probe', expiresInMinutes: 5 };
  const answer = await send('POST', { path: '/v1/invitations', body }, await administrator());
  return ((await answer.json()) as { id: string }).id;
}

/** A value without what differs between two persons: texts and numbers; lists by their lengths. */
function outline(value: unknown): unknown {
  if (Array.isArray(value)) return { length: value.length, first: outline(value[0]) };
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'boolean' ? value : typeof value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      // The number of erased rows is the effect of an erasure.
      name === 'erasedRows' ? inner : outline(inner),
    ]),
  );
}

interface Answer {
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

async function answerTo(method: string, probe: Probe, token: string): Promise<Answer> {
  const response = await send(method, probe, token);
  const text = await response.text();
  const isJson = /json$|json;/.test(response.headers.get('content-type') ?? '');
  const lines = isJson && typeof probe.body === 'string' ? text.trim().split('\n') : [text];
  return {
    path: probe.path.replace(/\?.*/, ''),
    status: response.status,
    body: isJson ? lines.map((line) => outline(JSON.parse(line))) : '',
  };
}

describe('identifiers in capitals', () => {
  beforeAll(async () => {
    revocations = await Promise.all([startRevocation(), startRevocation()]);
  });

  const routes = Object.keys(tenantProbes).filter((route) => !withoutIdentifiers.test(route));
  // Deletions and erasures last, as the probes are in order within a route only.
  const last = ['DELETE /v1/identities/:id', 'POST /v1/identities/erase', 'POST /v1/audit/erase'];
  const ordered = [...routes.filter((route) => !last.includes(route)), ...last];

  it.each(ordered)('name the same as in lower case: %s', async (route) => {
    const [method = ''] = route.split(' ');
    const token = await administrator();
    const [small, large] = [await person(), await person()];
    const capitals = (tenantProbes[route] ?? (() => []))(inCapitals(large));
    const answers: Answer[] = [];
    const expected: Answer[] = [];
    for (const [nth, probe] of (tenantProbes[route] ?? (() => []))(small).entries()) {
      const other = capitals[nth];
      if (other === undefined) throw new Error('a probe has no counterpart');
      // Lists are the same for both; a subject with a prefix is no GUID, and has one form.
      if (/-of-|other-|cursor=/.test(JSON.stringify(probe))) continue;
      expected.push(await answerTo(method, probe, token));
      answers.push(await answerTo(method, other, token));
    }
    const pathless = (all: Answer[]): unknown[] =>
      all.map(({ status, body }) => ({ status, body }));
    expect(pathless(answers)).toEqual(pathless(expected));
    expect(expected.some(({ status }) => status < 300)).toBe(true);
    // The database and the log have one form only.
    const stored = await service().rows(
      `SELECT tenant, subject, communication_user_id, id::text AS id FROM mapping`,
    );
    expect(JSON.stringify(stored)).not.toMatch(/[0-9A-F]*[A-F][0-9A-F]*-[0-9A-F]{4}-/);
    for (const { actor, target } of await service().auditEntries())
      expect(JSON.stringify([actor, target])).not.toMatch(/[0-9A-F]*[A-F][0-9A-F]*-[0-9A-F]{4}-/);
  });

  it('of a client application find its entries', async () => {
    const token = await administrator();
    const { subject } = await person();
    const read = async (clientApp: string): Promise<string[]> => {
      const path = `/v1/audit/entries?actorSubject=${subject}&clientApp=${clientApp}`;
      const page = (await (await send('GET', { path }, token)).json()) as {
        items: { entry: { actor: { clientApp: string }; id: string } }[];
      };
      return page.items.map(({ entry }) => `${entry.actor.clientApp} ${entry.id}`);
    };
    const page = { path: `/v1/audit/entries?actorSubject=${subject}` };
    const first = (await (await send('GET', page, token)).json()) as {
      items: { entry: { actor: { clientApp: string } } }[];
    };
    const clientApp = first.items[0]?.entry.actor.clientApp ?? '';
    expect(clientApp).toMatch(/[a-f]/);
    const found = await read(clientApp);
    expect(found.length).toBeGreaterThan(0);
    expect(await read(clientApp.toUpperCase())).toEqual(found);
  });

  it('are tried for every identifier that a request of the OpenAPI document has', async () => {
    const { paths } = JSON.parse(await readFile(`${repositoryRoot}docs/openapi.json`, 'utf8')) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const names = new Set<string>();
    for (const operations of Object.values(paths)) {
      for (const operation of Object.values(operations)) {
        const { parameters = [], requestBody } = operation as {
          parameters?: { name: string; in: string }[];
          requestBody?: unknown;
        };
        for (const parameter of parameters) if (parameter.in === 'query') names.add(parameter.name);
        for (const [, name] of JSON.stringify(requestBody ?? '').matchAll(/"(\w+)":\{"type"/g))
          names.add(name ?? '');
      }
    }
    const identifiers = [...names].filter((name) =>
      /tenant|subject|app$|userId|identityId/i.test(name),
    );
    const sent = JSON.stringify(
      Object.values(tenantProbes).flatMap((probes) => probes(inCapitals(example))),
    );
    // The client application has its own spec above.
    const untried = identifiers.filter((name) => name !== 'clientApp' && !sent.includes(name));
    expect(identifiers.length).toBeGreaterThan(5);
    expect(untried).toEqual([]);
  });
});
