import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import type { StateFolder } from '../state-folder.js';

/** An identity, possibly deleted. */
export interface AcsIdentity {
  readonly id: string;
  /** Name of the resource that owns it. */
  readonly resource: string;
  readonly createdAt: string;
  readonly deletedAt?: string;
  readonly tokensIssued: number;
  /** Tokens issued up to this Unix second are revoked. */
  readonly revokedThrough: number;
}

interface StoredIdentity {
  id: string;
  resource: string;
  createdAt: string;
  deletedAt?: string;
  tokensIssued: number;
  revokedThrough: number;
  /** Unix second of the newest token. */
  lastIssuedAt: number;
  /** The credential of the tokens issued from a Unix second on; ascending. */
  spans: { from: number; credential: string }[];
}

const storedLine = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('create'),
    id: z.string(),
    resource: z.string(),
    at: z.string(),
  }),
  z.strictObject({ event: z.literal('revoke'), id: z.string(), through: z.int() }),
  z.strictObject({ event: z.literal('delete'), id: z.string(), at: z.string() }),
]);
const FILE = 'acs-identities.ndjson';

/**
 * The identities of all resources.
 *
 * Tokens have no id and are not stored: a token is valid if it was issued after the last revocation of
 * its identity. `iat` has whole seconds, so the first token after a revocation may have an `iat` one
 * second in the future.
 */
export class AcsIdentities {
  readonly #identities = new Map<string, StoredIdentity>();

  /** @param folder stores each event before the response. Absent: memory only. */
  constructor(private readonly folder: StateFolder | undefined) {
    for (const line of folder?.read(FILE)?.split('\n') ?? []) {
      if (line !== '') this.#apply(parseLine(line));
    }
  }

  create(resource: { readonly name: string; readonly id: string }): AcsIdentity {
    let id = newIdentityId(resource.id);
    while (this.#identities.has(id)) id = newIdentityId(resource.id);
    const at = new Date().toISOString();
    return this.#record({ event: 'create', id, resource: resource.name, at });
  }

  /** @returns `undefined` for an unknown or deleted identity. */
  find(id: string): AcsIdentity | undefined {
    const identity = this.#identities.get(id);
    return identity?.deletedAt === undefined ? identity : undefined;
  }

  delete(id: string): void {
    if (this.find(id) === undefined) return;
    this.#record({ event: 'delete', id, at: new Date().toISOString() });
  }

  revokeTokens(id: string): void {
    const identity = this.#identities.get(id);
    if (identity === undefined) return;
    const through = Math.max(unixSeconds(), identity.lastIssuedAt, identity.revokedThrough);
    this.#record({ event: 'revoke', id, through });
  }

  /** @returns the `iat` of the token, in Unix seconds. */
  issuedAt(id: string, credential: string): number {
    const identity = this.#identities.get(id);
    if (identity === undefined) throw new Error('there is no such identity');
    const span = identity.spans.at(-1);
    const isNewCredential = span?.credential !== credential;
    const notBefore = isNewCredential ? identity.lastIssuedAt + 1 : identity.lastIssuedAt;
    const date = Math.max(unixSeconds(), identity.revokedThrough + 1, notBefore);
    if (isNewCredential) identity.spans.push({ from: date, credential });
    identity.lastIssuedAt = date;
    identity.tokensIssued += 1;
    return date;
  }

  /** @returns the credential of a token by its `iat`, or `undefined` after a restart. */
  credentialAt(id: string, date: number): string | undefined {
    return this.#identities.get(id)?.spans.findLast(({ from }) => from <= date)?.credential;
  }

  list(): AcsIdentity[] {
    return [...this.#identities.values()].map(
      ({ id, resource, createdAt, deletedAt, tokensIssued, revokedThrough }) => ({
        id,
        resource,
        createdAt,
        ...(deletedAt === undefined ? {} : { deletedAt }),
        tokensIssued,
        revokedThrough,
      }),
    );
  }

  clear(): void {
    this.#identities.clear();
    this.folder?.write(FILE, '');
  }

  #record(line: z.output<typeof storedLine>): AcsIdentity {
    if (this.folder !== undefined) {
      appendFileSync(this.folder.file(FILE), `${JSON.stringify(line)}\n`, { mode: 0o600 });
    }
    return this.#apply(line);
  }

  #apply(line: z.output<typeof storedLine>): AcsIdentity {
    if (line.event === 'create') {
      const identity: StoredIdentity = {
        id: line.id,
        resource: line.resource,
        createdAt: line.at,
        tokensIssued: 0,
        revokedThrough: 0,
        lastIssuedAt: 0,
        spans: [],
      };
      this.#identities.set(line.id, identity);
      return identity;
    }
    const identity = this.#identities.get(line.id);
    if (identity === undefined) throw new Error(`${FILE} refers to an unknown identity`);
    if (line.event === 'revoke') identity.revokedThrough = line.through;
    else identity.deletedAt = line.at;
    return identity;
  }
}

/** The current Unix time, in whole seconds. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** In real ids the second GUID is a counter, random digits and a fixed mark. */
function newIdentityId(resourceId: string): string {
  const hex = randomBytes(8).toString('hex');
  const groups = [hex.slice(0, 4), hex.slice(4, 8), hex.slice(8, 12), `3a3a0d00${hex.slice(12)}`];
  return `8:acs:${resourceId}_0000002e-${groups.join('-')}`;
}

function parseLine(line: string): z.output<typeof storedLine> {
  return storedLine.parse(JSON.parse(line));
}
