import type { Response } from 'supertest';
import { call } from './call.js';
import type { Service } from './service.js';

type Who = Parameters<Service['token']>[0];

/** Asks a route below `/v1/audit/`, as somebody. */
export async function read(service: Service, who: Who, path: string): Promise<Response> {
  return call(service.url, 'get', `/v1/audit/${path}`, { token: await service.token(who) });
}

/** The log's verifier key. */
export async function publicKey(service: Service): Promise<string> {
  return (await read(service, 'grace', 'log/keys')).text.trim();
}

export interface Receipt {
  readonly id: string;
  readonly index: number;
}

/** Issues a token to somebody. @returns the entry of it */
export async function issueTo(service: Service, who: Who): Promise<Receipt> {
  const token = await service.token(who);
  const { body } = await call(service.url, 'post', '/v1/me/tokens', { token, body: {} });
  return body.auditEntry as Receipt;
}

/** The answer to a search. */
interface Page {
  readonly items: readonly { readonly index: number; readonly entry: { readonly id: string } }[];
}

export function indexesOf({ items }: Page): number[] {
  return items.map(({ index }) => index);
}

export function idsOf({ items }: Page): string[] {
  return items.map(({ entry }) => entry.id);
}

export function pointersOf({ errors }: { errors: readonly { pointer: string }[] }): string[] {
  return errors.map(({ pointer }) => pointer);
}
