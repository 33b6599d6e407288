import { randomUUID } from 'node:crypto';
import type { Response } from 'supertest';
import { call, type CallOptions } from './call.js';
import type { Service } from './service.js';

type Method = 'get' | 'post' | 'patch' | 'delete';

/** Administrators, and what they do with identities. */
export class IdentitiesApi {
  constructor(private readonly service: () => Service) {}

  /** Calls as the identity administrator of the home tenant. */
  async asAda(method: Method, path: string, options: CallOptions = {}): Promise<Response> {
    const token = await this.service().token('ada');
    return call(this.service().url, method, path, { token, ...options });
  }

  /** Calls as an identity administrator of the second tenant. */
  async asStranger(method: Method, path: string, body?: unknown): Promise<Response> {
    return call(this.service().url, method, path, { token: await this.strangerToken(), body });
  }

  async strangerToken(): Promise<string> {
    const scp = 'CommunicationIdentity.Read.All CommunicationIdentity.ReadWrite.All';
    return this.service().emulator.control.mintToken({ person: 'olga', claims: { scp } });
  }

  async create(subject: string = randomUUID(), more: object = {}): Promise<Response> {
    return this.asAda('post', '/v1/identities', { body: { kind: 'user', subject, ...more } });
  }

  /** An identity at ACS that this service has not made. */
  foreignId(resourceId = this.service().emulator.acsResourceId): string {
    return `8:acs:${resourceId}_${randomUUID()}`;
  }

  /** Sends lines to the import. @returns the answered lines */
  async import(
    lines: readonly (object | string)[] | ReadableStream<Uint8Array>,
    query = '',
    token?: string,
  ): Promise<{ status: number; lines: ImportAnswer[]; problem: Problem }> {
    const body =
      lines instanceof ReadableStream
        ? lines
        : lines
            .map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
            .join('');
    const answer = await fetch(`${this.service().url}/v1/identities/import${query}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token ?? (await this.service().token('ada'))}`,
        'content-type': 'application/x-ndjson',
      },
      body,
      duplex: 'half',
    });
    const text = await answer.text();
    const isLines = answer.headers.get('content-type') === 'application/x-ndjson';
    return {
      status: answer.status,
      lines: isLines ? parseLines(text) : [],
      problem: isLines ? { type: '' } : (JSON.parse(text) as Problem),
    };
  }

  async export(token?: string): Promise<Record<string, string>[]> {
    const answer = await fetch(`${this.service().url}/v1/identities/export`, {
      headers: { authorization: `Bearer ${token ?? (await this.service().token('ada'))}` },
    });
    return parseLines(await answer.text());
  }
}

export interface ImportAnswer {
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

function parseLines<Line>(text: string): Line[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Line);
}
