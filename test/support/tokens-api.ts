import { randomUUID } from 'node:crypto';
import type { Response } from 'supertest';
import { expect } from 'vitest';
import { call } from './call.js';
import type { SampleCaller, Service } from './service.js';

/** A person with a valid Entra access token and the permission to issue tokens for themselves. */
export interface Person {
  /** Object id in the home tenant: the subject of the mapping. */
  readonly oid: string;
  readonly bearer: string;
}

/** A caller of the api: a sample person or app by name, or a person from `newPerson`. */
export type Caller = SampleCaller | Person;

/** What tests read of the body of an issued token. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresOn: string;
  readonly identity: { readonly id: string; readonly communicationUserId: string };
  readonly auditEntry: { readonly id: string; readonly index: number };
}

/** Signs in a person of the home tenant whom the service has not seen before. */
export async function newPerson({ emulator }: Service): Promise<Person> {
  const oid = randomUUID();
  return { oid, bearer: await emulator.control.mintToken({ person: 'alice', claims: { oid } }) };
}

/**
 * Calls `POST /v1/me/tokens`. No log may contain a token that it returns.
 *
 * @param url of the api process to call; the first one by default
 */
export async function requestToken(
  service: Service,
  caller: Caller,
  body: unknown = {},
  url = service.url,
): Promise<Response> {
  const token = typeof caller === 'string' ? await service.token(caller) : caller.bearer;
  const response = await call(url, 'post', '/v1/me/tokens', { token, body });
  if (response.status === 200) service.scanner.forbid((response.body as IssuedToken).token);
  return response;
}

/** Issues a token with `requestToken`. @throws an assertion error unless the answer is 200 */
export async function issue(
  service: Service,
  caller: Caller,
  body: unknown = {},
  url = service.url,
): Promise<IssuedToken> {
  const response = await requestToken(service, caller, body, url);
  expect(response.status, response.text).toBe(200);
  return response.body as IssuedToken;
}
