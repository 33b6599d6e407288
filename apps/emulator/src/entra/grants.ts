import { randomBytes } from 'node:crypto';
import type { SamplePerson } from '../fixtures/seed-directory.js';
import type { RequestedScopes } from './directory.js';

/** What a signed-in person granted to a client. */
export interface Grant {
  readonly clientId: string;
  readonly person: SamplePerson;
  readonly wanted: RequestedScopes;
}

/** The grant of an authorization code. */
export interface CodeGrant extends Grant {
  readonly redirectUri: string;
  readonly codeChallenge?: string;
  readonly nonce?: string;
}

const CODE_LIFETIME_MS = 10 * 60 * 1000;
const MAX_GRANTS = 10_000;

/** The issued authorization codes and refresh tokens: in memory, the newest 10,000 of each. */
export class Grants {
  readonly #codes = new Map<string, CodeGrant & { readonly expiresAtMs: number }>();
  readonly #refreshTokens = new Map<string, Grant>();

  addCode(grant: CodeGrant): string {
    const code = `1.A${randomBytes(48).toString('base64url')}`;
    this.#codes.set(code, { ...grant, expiresAtMs: Date.now() + CODE_LIFETIME_MS });
    dropOldest(this.#codes);
    return code;
  }

  /** Consumes the code, even if the request fails later. */
  redeemCode(code: string): CodeGrant | undefined {
    const grant = this.#codes.get(code);
    this.#codes.delete(code);
    return grant !== undefined && grant.expiresAtMs > Date.now() ? grant : undefined;
  }

  addRefresh(grant: Grant): string {
    const token = `1.R${randomBytes(48).toString('base64url')}`;
    this.#refreshTokens.set(token, grant);
    dropOldest(this.#refreshTokens);
    return token;
  }

  /** As in Entra, a refresh token stays valid after use. */
  findRefresh(token: string): Grant | undefined {
    return this.#refreshTokens.get(token);
  }
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= MAX_GRANTS) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
