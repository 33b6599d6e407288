import type { Response } from 'supertest';
import { call } from './call.js';
import type { SampleCaller, Service } from './service.js';

/** Calls `GET /v1/audit/<path>` as a sample person; `grace` and `ivan` are auditors. */
export async function getAudit(
  service: Service,
  who: SampleCaller,
  path: string,
): Promise<Response> {
  return call(service.url, 'get', `/v1/audit/${path}`, { token: await service.token(who) });
}

/** The verifier key that signs the log now. */
export async function publicKey(service: Service): Promise<string> {
  const [current = ''] = (await getAudit(service, 'grace', 'log/keys')).text.split('\n');
  return current;
}

/** The audit entry of a request, as its answer names it. */
export interface Receipt {
  readonly id: string;
  readonly index: number;
}

/** A page of `GET /v1/audit/entries`. */
interface Page {
  readonly items: readonly { readonly index: number; readonly entry: { readonly id: string } }[];
}

export function indexesOf({ items }: Page): number[] {
  return items.map(({ index }) => index);
}

export function idsOf({ items }: Page): string[] {
  return items.map(({ entry }) => entry.id);
}

/** JSON pointers of the faults that a 400 lists. */
export function pointersOf({ errors }: { errors: readonly { pointer: string }[] }): string[] {
  return errors.map(({ pointer }) => pointer);
}
