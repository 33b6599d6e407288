import { randomUUID } from 'node:crypto';
import type { Response } from 'supertest';
import { call, type CallOptions } from './call.js';
import { formatNdjson, parseNdjson } from './parsers/ndjson.js';
import type { Service } from './service.js';

type Method = 'get' | 'post' | 'patch' | 'delete';

/** Calls of the identity routes, as administrators make them. */
export class IdentitiesApi {
  constructor(private readonly service: () => Service) {}

  /** Calls as `ada`, the identity administrator of the home tenant. */
  async asAda(method: Method, path: string, options: CallOptions = {}): Promise<Response> {
    const token = await this.service().token('ada');
    return call(this.service().url, method, path, { token, ...options });
  }

  /** Calls as an identity administrator of the second tenant. */
  async asOtherTenant(method: Method, path: string, body?: unknown): Promise<Response> {
    return call(this.service().url, method, path, { token: await this.otherTenantToken(), body });
  }

  async otherTenantToken(): Promise<string> {
    const roles = ['CommunicationIdentity.Read.All', 'CommunicationIdentity.ReadWrite.All'];
    const claims = { scp: roles.join(' '), roles };
    return this.service().emulator.control.mintToken({ person: 'olga', claims });
  }

  async create(subject: string = randomUUID(), more: object = {}): Promise<Response> {
    return this.asAda('post', '/v1/identities', { body: { kind: 'user', subject, ...more } });
  }

  /** The id of a communication identity that this service did not create. */
  foreignId(resourceId = this.service().emulator.acsResourceId): string {
    return `8:acs:${resourceId}_${randomUUID()}`;
  }

  /**
   * Calls `POST /v1/identities/import` as `ada` or with the given token.
   *
   * @param lines objects, texts of lines, or the body as a stream
   * @param query with its question mark, such as `?provision=true`
   */
  async import(
    lines: readonly (object | string)[] | ReadableStream<Uint8Array>,
    query = '',
    token?: string,
  ): Promise<{ status: number; lines: ImportResult[]; problem: Problem }> {
    const answer = await fetch(`${this.service().url}/v1/identities/import${query}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token ?? (await this.service().token('ada'))}`,
        'content-type': 'application/x-ndjson',
      },
      body: lines instanceof ReadableStream ? lines : formatNdjson(lines),
      duplex: 'half',
    });
    const text = await answer.text();
    const isNdjson = answer.headers.get('content-type') === 'application/x-ndjson';
    return {
      status: answer.status,
      lines: isNdjson ? parseNdjson(text) : [],
      problem: isNdjson ? { type: '' } : (JSON.parse(text) as Problem),
    };
  }

  /** The lines of `GET /v1/identities/export`, as `ada` or with the given token. */
  async export(token?: string): Promise<Record<string, string>[]> {
    const answer = await fetch(`${this.service().url}/v1/identities/export`, {
      headers: { authorization: `Bearer ${token ?? (await this.service().token('ada'))}` },
    });
    return parseNdjson(await answer.text());
  }
}

export interface ImportResult {
  readonly line?: number;
  readonly outcome?: string;
  readonly id?: string;
  readonly communicationUserId?: string;
  readonly error?: { readonly code: string; readonly detail: string };
  readonly summary?: Record<string, unknown>;
}

interface Problem {
  readonly type: string;
}
