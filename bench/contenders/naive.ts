// What a user would write in an afternoon with the libraries that the samples use: Express, jose, the ACS
// SDK, a query for the mapping and an insert for each token. Nothing limits, retries, proves or batches.
// Answers as `POST /v1/me/tokens` does. A benchmark compares the service with it.
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { CommunicationIdentityClient } from '@azure/communication-identity';
import express, { type NextFunction, type Request, type Response } from 'express';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import pg from 'pg';

const {
  ENTRA_AUTHORITY: authority = '',
  ENTRA_TENANT_ID: tenant = '',
  ENTRA_AUDIENCE: audience = '',
  CONTENDER_ACS_CONNECTION_STRING: acsConnectionString = '',
  DATABASE_URL: connectionString = '',
} = process.env;
const SCOPES: ('voip' | 'chat')[] = ['voip'];
const OPTIONS = { tokenExpiresInMinutes: 60 };

const keys = createRemoteJWKSet(new URL(`${authority}/${tenant}/discovery/v2.0/keys`));
const acs = new CommunicationIdentityClient(acsConnectionString);
const pool = new pg.Pool({ connectionString });
await pool.query(`
  CREATE TABLE IF NOT EXISTS naive_mapping (
    tenant text, subject text, id uuid DEFAULT gen_random_uuid(), communication_user_id text NOT NULL,
    PRIMARY KEY (tenant, subject)
  );
  CREATE TABLE IF NOT EXISTS issued_token (
    entry_index bigint GENERATED ALWAYS AS IDENTITY (START 0 MINVALUE 0) PRIMARY KEY,
    id uuid DEFAULT gen_random_uuid() UNIQUE, at timestamptz DEFAULT now(), tenant text NOT NULL,
    subject text NOT NULL, communication_user_id text NOT NULL, fingerprint text NOT NULL
  )`);

interface Mapping {
  readonly id: string;
  readonly communication_user_id: string;
}

const app = express();
app.use(express.json());

app.post('/v1/me/tokens', async (request, response) => {
  const bearer = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const { payload } = await jwtVerify(bearer, keys, {
    issuer: `${authority}/${tenant}/v2.0`,
    audience,
    algorithms: ['RS256'],
  });
  const subject = String(payload.oid);
  if (!String(payload.scp).split(' ').includes('CommunicationToken.Issue')) {
    response.sendStatus(403);
    return;
  }

  const found = await pool.query<Mapping>(
    'SELECT id, communication_user_id FROM naive_mapping WHERE tenant = $1 AND subject = $2',
    [tenant, subject],
  );
  let mapping = found.rows[0];
  let issued;
  if (mapping) {
    const user = { communicationUserId: mapping.communication_user_id };
    issued = await acs.getToken(user, SCOPES, OPTIONS);
  } else {
    const created = await acs.createUserAndToken(SCOPES, OPTIONS);
    issued = created;
    const added = await pool.query<Mapping>(
      `INSERT INTO naive_mapping (tenant, subject, communication_user_id) VALUES ($1, $2, $3)
       RETURNING id, communication_user_id`,
      [tenant, subject, created.user.communicationUserId],
    );
    mapping = added.rows[0];
  }

  const communicationUserId = mapping?.communication_user_id;
  const fingerprint = createHash('sha256').update(issued.token).digest('base64url');
  const recorded = await pool.query<{ readonly id: string; readonly entry_index: string }>(
    `INSERT INTO issued_token (tenant, subject, communication_user_id, fingerprint)
     VALUES ($1, $2, $3, $4) RETURNING id, entry_index`,
    [tenant, subject, communicationUserId, fingerprint],
  );
  const [entry] = recorded.rows;
  response.json({
    token: issued.token,
    expiresOn: issued.expiresOn,
    scopes: SCOPES,
    identity: { id: mapping?.id, kind: 'user', communicationUserId },
    auditEntry: { id: entry?.id, index: Number(entry?.entry_index) },
  });
});

// oxlint-disable-next-line no-unused-vars -- Express recognises an error handler by its four parameters
app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
  if (!(error instanceof errors.JOSEError)) console.error(error);
  response.sendStatus(error instanceof errors.JOSEError ? 401 : 500);
});

const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  console.log(
    JSON.stringify({ level: 'info', message: 'listening', address: `http://127.0.0.1:${port}` }),
  );
});
process.on('disconnect', () => process.exit());
