import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import type { StateFolder } from '../state-folder.js';

/** An identity, or the memory of one that was deleted. */
export interface AcsIdentity {
  readonly id: string;
  /** Name of the resource that owns it. */
  readonly resource: string;
  readonly createdAt: string;
  readonly deletedAt?: string;
  readonly tokensIssued: number;
  /** Tokens dated up to this second, in Unix time, are revoked. */
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
  /** From which second on tokens were made with which credential; ascending. */
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
const fileName = 'acs-identities.ndjson';

/**
 * The identities of all resources.
 *
 * Tokens carry no id by which one could be revoked alone, and none is kept here: a token is good
 * while its date is later than the identity's last revocation. Dates have whole seconds, so the
 * first token after a revocation may be dated one second ahead.
 */
export class AcsIdentities {
  private readonly identities = new Map<string, StoredIdentity>();

  /** @param folder where events are appended before they are answered; without it, memory alone. */
  constructor(private readonly folder: StateFolder | undefined) {
    for (const line of folder?.read(fileName)?.split('\n') ?? []) {
      if (line !== '') this.apply(parseLine(line));
    }
  }

  create(resource: { readonly name: string; readonly id: string }): AcsIdentity {
    let id = newIdentityId(resource.id);
    while (this.identities.has(id)) id = newIdentityId(resource.id);
    const at = new Date().toISOString();
    return this.record({ event: 'create', id, resource: resource.name, at });
  }

  /** @returns `undefined` for one that never was or was deleted. */
  find(id: string): AcsIdentity | undefined {
    const identity = this.identities.get(id);
    return identity?.deletedAt === undefined ? identity : undefined;
  }

  delete(id: string): void {
    if (this.find(id) === undefined) return;
    this.record({ event: 'delete', id, at: new Date().toISOString() });
  }

  revokeTokens(id: string): void {
    const identity = this.identities.get(id);
    if (identity === undefined) return;
    const through = Math.max(unixSeconds(), identity.lastIssuedAt, identity.revokedThrough);
    this.record({ event: 'revoke', id, through });
  }

  /** @returns the Unix second with which the token is to be dated. */
  dateToken(id: string, credential: string): number {
    const identity = this.identities.get(id);
    if (identity === undefined) throw new Error('a token for an identity that is not there');
    const span = identity.spans.at(-1);
    const isNewCredential = span?.credential !== credential;
    const notBefore = isNewCredential ? identity.lastIssuedAt + 1 : identity.lastIssuedAt;
    const date = Math.max(unixSeconds(), identity.revokedThrough + 1, notBefore);
    if (isNewCredential) identity.spans.push({ from: date, credential });
    identity.lastIssuedAt = date;
    identity.tokensIssued += 1;
    return date;
  }

  /** @returns the credential of a token so dated; `undefined` when it is no longer known. */
  credentialAt(id: string, date: number): string | undefined {
    return this.identities.get(id)?.spans.findLast(({ from }) => from <= date)?.credential;
  }

  list(): AcsIdentity[] {
    return [...this.identities.values()].map(
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
    this.identities.clear();
    this.folder?.write(fileName, '');
  }

  private record(line: z.output<typeof storedLine>): AcsIdentity {
    if (this.folder !== undefined) {
      appendFileSync(this.folder.file(fileName), `${JSON.stringify(line)}\n`, { mode: 0o600 });
    }
    return this.apply(line);
  }

  private apply(line: z.output<typeof storedLine>): AcsIdentity {
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
      this.identities.set(line.id, identity);
      return identity;
    }
    const identity = this.identities.get(line.id);
    if (identity === undefined) throw new Error(`${fileName} speaks of an unknown identity`);
    if (line.event === 'revoke') identity.revokedThrough = line.through;
    else identity.deletedAt = line.at;
    return identity;
  }
}

export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** The second GUID of real ids is a counter and a fixed mark around random digits. */
function newIdentityId(resourceId: string): string {
  const hex = randomBytes(8).toString('hex');
  const groups = [hex.slice(0, 4), hex.slice(4, 8), hex.slice(8, 12), `3a3a0d00${hex.slice(12)}`];
  return `8:acs:${resourceId}_0000002e-${groups.join('-')}`;
}

function parseLine(line: string): z.output<typeof storedLine> {
  return storedLine.parse(JSON.parse(line));
}
