// The least that issues an audited token: verify the bearer token, select the mapping, call ACS once, insert
// a durable row together with those of other requests. No policy, no limits, no deadlines, no proof, no
// second replica. Answers as `POST /v1/me/tokens` does. A benchmark compares the service with it.
import {
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
  verify,
} from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { Pool } from 'undici';

const {
  ENTRA_AUTHORITY: authority = '',
  ENTRA_TENANT_ID: tenant = '',
  ENTRA_AUDIENCE: audience = '',
  CONTENDER_ACS_CONNECTION_STRING: acsConnectionString = '',
  DATABASE_URL: connectionString = '',
} = process.env;
const API_VERSION = '2023-10-01';
const SCOPES = ['voip'];
const LIFETIME_MINUTES = 60;
const MAX_BATCH = 256;

/** What a request ends with instead of a token. */
class Refusal extends Error {
  constructor(readonly status: number) {
    super(`refused with ${status}`);
  }
}

interface Claims {
  readonly iss: string;
  readonly aud: string;
  readonly exp: number;
  readonly nbf: number;
  readonly tid: string;
  readonly oid: string;
  readonly scp?: string;
}

interface Mapping {
  readonly id: string;
  readonly communicationUserId: string;
}

interface AcsToken {
  readonly token: string;
  readonly expiresOn: string;
}

interface Entry {
  readonly index: number;
  readonly id: string;
  readonly at: string;
  readonly subject: string;
  readonly communicationUserId: string;
  readonly fingerprint: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const keys = await readKeys();
const [, endpoint = '', accessKey = ''] =
  /^endpoint=([^;]+?)\/?;accesskey=(.+)$/.exec(acsConnectionString) ?? [];
const { host } = new URL(endpoint);
const signingKey = createSecretKey(accessKey, 'base64');
const acs = new Pool(endpoint, { connections: 64 });
const mappings = new pg.Client({ connectionString });
const audit = new pg.Client({ connectionString });
await Promise.all([mappings.connect(), audit.connect()]);
await mappings.query(`
  CREATE TABLE IF NOT EXISTS floor_mapping (
    tenant text, subject text, id uuid NOT NULL, communication_user_id text NOT NULL,
    PRIMARY KEY (tenant, subject)
  );
  CREATE TABLE IF NOT EXISTS issued_token (
    entry_index bigint PRIMARY KEY, id uuid NOT NULL UNIQUE, at timestamptz NOT NULL, tenant text NOT NULL,
    subject text NOT NULL, communication_user_id text NOT NULL, fingerprint text NOT NULL
  )`);
const newest = await audit.query<{ next: string }>(
  'SELECT coalesce(max(entry_index) + 1, 0) AS next FROM issued_token',
);
let nextIndex = Number(newest.rows[0]?.next);

const pending: Entry[] = [];
let isInserting = false;

const server = createServer((request, response) => {
  request.resume();
  issue(request).then(
    (body) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    },
    (error: unknown) => {
      const status = error instanceof Refusal ? error.status : 500;
      if (status === 500) console.error(error);
      const body = JSON.stringify({ status });
      response.writeHead(status, { 'content-type': 'application/problem+json' }).end(body);
    },
  );
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  console.log(
    JSON.stringify({ level: 'info', message: 'listening', address: `http://127.0.0.1:${port}` }),
  );
});
process.on('disconnect', () => process.exit());

async function issue({ method, url, headers }: IncomingMessage): Promise<unknown> {
  if (method !== 'POST' || url !== '/v1/me/tokens') throw new Refusal(404);
  const { oid: subject } = verified(headers.authorization ?? '');
  const known = await find(subject);
  const { mapping, accessToken } = known
    ? { mapping: known, accessToken: await issueToken(known.communicationUserId) }
    : await create(subject);
  const { communicationUserId } = mapping;
  const fingerprint = createHash('sha256').update(accessToken.token).digest('base64url');
  const auditEntry = { id: randomUUID(), index: nextIndex++ };
  await record({ ...auditEntry, subject, communicationUserId, fingerprint });
  const identity = { id: mapping.id, kind: 'user', communicationUserId };
  return { ...accessToken, scopes: SCOPES, identity, auditEntry };
}

function verified(authorization: string): Claims {
  const [scheme, header = '', payload = '', signature = ''] = authorization.split(/[ .]/);
  if (scheme !== 'Bearer') throw new Refusal(401);
  try {
    const { alg, kid } = parse(header) as { readonly alg: string; readonly kid: string };
    const key = keys.get(kid);
    if (alg !== 'RS256' || !key) throw new Refusal(401);
    const signed = Buffer.from(`${header}.${payload}`);
    if (!verify('RSA-SHA256', signed, key, Buffer.from(signature, 'base64url'))) {
      throw new Refusal(401);
    }
    const claims = parse(payload) as Claims;
    const now = Date.now() / 1000;
    const isForUs = claims.iss === `${authority}/${tenant}/v2.0` && claims.aud === audience;
    if (!isForUs || claims.exp <= now || claims.nbf > now + 60) throw new Refusal(401);
    if (!claims.scp?.split(' ').includes('CommunicationToken.Issue')) throw new Refusal(403);
    return claims;
  } catch (error) {
    throw error instanceof SyntaxError ? new Refusal(401) : error;
  }
}

function parse(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}

async function find(subject: string): Promise<Mapping | undefined> {
  const { rows } = await mappings.query<Mapping>({
    name: 'find',
    text: `SELECT id, communication_user_id AS "communicationUserId" FROM floor_mapping
      WHERE tenant = $1 AND subject = $2`,
    values: [tenant, subject],
  });
  return rows[0];
}

async function create(
  subject: string,
): Promise<{ readonly mapping: Mapping; readonly accessToken: AcsToken }> {
  const { identity, accessToken } = await callAcs<{
    readonly identity: { readonly id: string };
    readonly accessToken: AcsToken;
  }>('/identities', { createTokenWithScopes: SCOPES, expiresInMinutes: LIFETIME_MINUTES });
  const mapping = { id: randomUUID(), communicationUserId: identity.id };
  await mappings.query({
    name: 'add',
    text: 'INSERT INTO floor_mapping VALUES ($1, $2, $3, $4)',
    values: [tenant, subject, mapping.id, mapping.communicationUserId],
  });
  return { mapping, accessToken };
}

async function issueToken(communicationUserId: string): Promise<AcsToken> {
  const path = `/identities/${encodeURIComponent(communicationUserId)}/:issueAccessToken`;
  return callAcs<AcsToken>(path, { scopes: SCOPES, expiresInMinutes: LIFETIME_MINUTES });
}

async function callAcs<Answer>(resource: string, content: object): Promise<Answer> {
  const path = `${resource}?api-version=${API_VERSION}`;
  const text = JSON.stringify(content);
  const date = new Date().toUTCString();
  const contentHash = createHash('sha256').update(text).digest('base64');
  const signature = createHmac('sha256', signingKey)
    .update(`POST\n${path}\n${date};${host};${contentHash}`)
    .digest('base64');
  const { statusCode, body } = await acs.request({
    path,
    method: 'POST',
    headers: {
      host,
      'content-type': 'application/json',
      'x-ms-date': date,
      'x-ms-content-sha256': contentHash,
      authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
    },
    body: text,
  });
  const answer = (await body.json()) as Answer;
  if (statusCode >= 300) throw new Refusal(503);
  return answer;
}

async function record(entry: Omit<Entry, 'at' | 'resolve' | 'reject'>): Promise<void> {
  return new Promise((resolve, reject) => {
    pending.push({ ...entry, at: new Date().toISOString(), resolve, reject });
    if (isInserting) return;
    isInserting = true;
    setImmediate(() => void insertPending());
  });
}

async function insertPending(): Promise<void> {
  while (pending.length > 0) {
    const batch = pending.splice(0, MAX_BATCH);
    const inserted = audit.query({
      name: 'record',
      text: `INSERT INTO issued_token
        SELECT c.entry_index, c.id, c.at, $4, c.subject, c.communication_user_id, c.fingerprint
        FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $5::text[], $6::text[], $7::text[])
          AS c (entry_index, id, at, subject, communication_user_id, fingerprint)`,
      values: [
        batch.map(({ index }) => index),
        batch.map(({ id }) => id),
        batch.map(({ at }) => at),
        tenant,
        batch.map(({ subject }) => subject),
        batch.map(({ communicationUserId }) => communicationUserId),
        batch.map(({ fingerprint }) => fingerprint),
      ],
    });
    await inserted.then(
      () => {
        for (const { resolve } of batch) resolve();
      },
      (error: unknown) => {
        for (const { reject } of batch) reject(error);
      },
    );
  }
  isInserting = false;
}

async function readKeys(): Promise<Map<string, KeyObject>> {
  const response = await fetch(`${authority}/${tenant}/discovery/v2.0/keys`);
  const set = (await response.json()) as {
    readonly keys: readonly (JsonWebKey & { readonly kid: string })[];
  };
  return new Map(set.keys.map((key) => [key.kid, createPublicKey({ key, format: 'jwk' })]));
}
