import { randomBytes } from 'node:crypto';
import type { SamplePerson } from '../sample-people.js';
import type { RequestedScopes } from './directory.js';

/** What a person allowed a client to get. */
export interface Grant {
  readonly clientId: string;
  readonly person: SamplePerson;
  readonly wanted: RequestedScopes;
}

export interface CodeGrant extends Grant {
  readonly redirectUri: string;
  readonly codeChallenge?: string;
  readonly nonce?: string;
}

const codeLifetimeMs = 10 * 60 * 1000;
const capacity = 10_000;

/** Authorization codes and refresh tokens that were handed out; in memory alone, newest kept. */
export class Grants {
  private readonly codes = new Map<string, CodeGrant & { readonly expiresAtMs: number }>();
  private readonly refreshTokens = new Map<string, Grant>();

  addCode(grant: CodeGrant): string {
    const code = `1.A${randomBytes(48).toString('base64url')}`;
    this.codes.set(code, { ...grant, expiresAtMs: Date.now() + codeLifetimeMs });
    dropOldest(this.codes);
    return code;
  }

  /** A code works once, whatever comes of it. */
  redeemCode(code: string): CodeGrant | undefined {
    const grant = this.codes.get(code);
    this.codes.delete(code);
    return grant !== undefined && grant.expiresAtMs > Date.now() ? grant : undefined;
  }

  addRefresh(grant: Grant): string {
    const token = `1.R${randomBytes(48).toString('base64url')}`;
    this.refreshTokens.set(token, grant);
    dropOldest(this.refreshTokens);
    return token;
  }

  /** As at Entra, an older refresh token goes on working after it was used. */
  findRefresh(token: string): Grant | undefined {
    return this.refreshTokens.get(token);
  }
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= capacity) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
