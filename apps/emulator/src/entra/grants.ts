import { randomBytes } from 'node:crypto';
import type { SamplePerson } from '../fixtures/seed-directory.js';
import type { RequestedScopes } from './directory.js';

/** What a signed-in person granted to a client. */
export interface Grant {
  readonly clientId: string;
  readonly person: SamplePerson;
  readonly wanted: RequestedScopes;
  /** Authentication contexts that the sign-in met, `acrs` of access tokens. */
  readonly contexts: readonly string[];
}

/** The grant of an authorization code. */
export interface CodeGrant extends Grant {
  readonly redirectUri: string;
  /** Whether the redirect URI is that of a single-page application. */
  readonly isSpa: boolean;
  readonly codeChallenge?: string;
  readonly nonce?: string;
}

/** A grant that refresh tokens stand for. */
export interface RefreshGrant extends Grant {
  /** Set for a single-page application: when all refresh tokens of the sign-in expire. */
  readonly spaExpiresAtMs?: number | undefined;
}

const CODE_LIFETIME_MS = 10 * 60 * 1000;
/** As in Entra, of the refresh tokens of single-page applications. Use does not extend it. */
const SPA_REFRESH_LIFETIME_MS = 24 * 60 * 60 * 1000;
const MAX_GRANTS = 10_000;

/** The issued authorization codes and refresh tokens: in memory, the newest 10,000 of each. */
export class Grants {
  readonly #codes = new Map<string, CodeGrant & { readonly expiresAtMs: number }>();
  readonly #refreshTokens = new Map<string, RefreshGrant>();

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

  addRefresh(grant: RefreshGrant): string {
    const token = `1.R${randomBytes(48).toString('base64url')}`;
    this.#refreshTokens.set(token, grant);
    dropOldest(this.#refreshTokens);
    return token;
  }

  /** As in Entra, a refresh token stays valid after use. */
  findRefresh(token: string): RefreshGrant | undefined {
    return this.#refreshTokens.get(token);
  }
}

/** When the refresh tokens of a single-page application expire that signs in now. */
export function spaExpiry(): number {
  return Date.now() + SPA_REFRESH_LIFETIME_MS;
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= MAX_GRANTS) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
