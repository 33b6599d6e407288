import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { MemoryMetadataSource } from './memory-metadata-source.js';

export const TENANT = '11111111-1111-4111-8111-111111111111';
export const AUDIENCE = '22222222-2222-4222-8222-222222222222';
export const CLIENT_APP = '33333333-3333-4333-8333-333333333333';
export const ALICE = '44444444-4444-4444-8444-444444444444';

/** A key pair and its `kid`. */
export interface TestKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export type JsonObject = Record<string, unknown>;

/** Generates an RSA key pair, which takes some 100 ms. */
export function testKey(keyId: string, modulusLength = 2048): TestKey {
  return { keyId, ...generateKeyPairSync('rsa', { modulusLength }) };
}

/** The public key as a JWK. */
export function publicJwk({ keyId, publicKey }: TestKey, members: JsonObject = {}): JsonObject {
  return { ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig', ...members };
}

export function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

/** A signed JWT with exactly these texts as header and claims. */
export function signJwt(header: string, claims: string, key: KeyObject): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}

/** An Entra tenant in memory. */
export class TestIssuer {
  readonly tenant: string;
  readonly version: '1.0' | '2.0';
  readonly authority: string;
  /** The last one signs. */
  readonly keys: TestKey[];

  constructor(
    readonly nowMs: () => number,
    {
      tenant = TENANT,
      version = '2.0',
      authority = 'https://login.test',
      key = testKey('first'),
    }: { tenant?: string; version?: '1.0' | '2.0'; authority?: string; key?: TestKey } = {},
  ) {
    this.tenant = tenant;
    this.version = version;
    this.authority = authority;
    this.keys = [key];
  }

  get issuer(): string {
    return this.version === '2.0'
      ? `${this.authority}/${this.tenant}/v2.0`
      : `https://sts.test/${this.tenant}/`;
  }

  get documentUrl(): string {
    const path = this.version === '2.0' ? '/v2.0' : '';
    return `${this.authority}/${this.tenant}${path}/.well-known/openid-configuration`;
  }

  get keysUrl(): string {
    return `${this.authority}/${this.tenant}/${this.version}/keys`;
  }

  get current(): TestKey {
    const key = this.keys.at(-1);
    if (key === undefined) throw new Error('the issuer has no key');
    return key;
  }

  /** Publishes discovery document and key set. */
  publish(source: MemoryMetadataSource, keyMembers: JsonObject = {}): void {
    source.documents.set(this.documentUrl, { issuer: this.issuer, jwks_uri: this.keysUrl });
    source.documents.set(this.keysUrl, {
      keys: this.keys.map((key) => publicJwk(key, keyMembers)),
    });
  }

  /** Claims of a user's token that is valid for an hour; `undefined` removes a claim. */
  claims(changes: JsonObject = {}): JsonObject {
    const nowSeconds = Math.floor(this.nowMs() / 1000);
    const client =
      this.version === '2.0'
        ? { azp: CLIENT_APP, azpacr: '1' }
        : { appid: CLIENT_APP, appidacr: '1' };
    return {
      aud: AUDIENCE,
      iss: this.issuer,
      iat: nowSeconds,
      nbf: nowSeconds,
      exp: nowSeconds + 3600,
      ...client,
      name: 'Alice',
      oid: ALICE,
      scp: 'CommunicationToken.Issue',
      sub: 'pairwise-subject-of-alice',
      tid: this.tenant,
      uti: 'token-id',
      ver: this.version,
      ...changes,
    };
  }

  /** Changes that make a user's claims those of an app-only token. */
  static appOnly(roles: readonly string[]): JsonObject {
    return { scp: undefined, name: undefined, idtyp: 'app', roles, sub: ALICE };
  }

  token(claims: JsonObject = {}, header: JsonObject = {}, key = this.current): string {
    return signJwt(
      JSON.stringify({ typ: 'JWT', alg: 'RS256', kid: key.keyId, ...header }),
      JSON.stringify(this.claims(claims)),
      key.privateKey,
    );
  }
}
