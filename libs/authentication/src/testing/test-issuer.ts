import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { MemoryMetadataSource } from '../keys/metadata-source.js';

export const TENANT = '11111111-1111-4111-8111-111111111111';
export const AUDIENCE = '22222222-2222-4222-8222-222222222222';
export const CLIENT_APP = '33333333-3333-4333-8333-333333333333';
export const ALICE = '44444444-4444-4444-8444-444444444444';

/** A private key and the id that it is published under. */
export interface TestKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export type Members = Record<string, unknown>;

/** Makes a key pair; takes a moment. */
export function testKey(keyId: string, modulusLength = 2048): TestKey {
  return { keyId, ...generateKeyPairSync('rsa', { modulusLength }) };
}

/** How a key stands in a key set. */
export function published({ keyId, publicKey }: TestKey, members: Members = {}): Members {
  return { ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig', ...members };
}

export function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

/** A compact token over exactly these texts. */
export function signedText(header: string, claims: string, key: KeyObject): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}

/** An Entra tenant that exists in memory only. */
export class TestIssuer {
  readonly keys: TestKey[];

  constructor(
    readonly nowMs: () => number,
    readonly tenant = TENANT,
    readonly version: '1.0' | '2.0' = '2.0',
    readonly authority = 'https://login.test',
    firstKey = testKey('first'),
  ) {
    this.keys = [firstKey];
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
    if (key === undefined) throw new Error('an issuer has a key');
    return key;
  }

  /** Puts discovery document and keys where the service looks for them. */
  publish(source: MemoryMetadataSource, keyMembers: Members = {}): void {
    source.documents.set(this.documentUrl, { issuer: this.issuer, jwks_uri: this.keysUrl });
    source.documents.set(this.keysUrl, {
      keys: this.keys.map((key) => published(key, keyMembers)),
    });
  }

  /** Claims of a user's token that is good for an hour; `undefined` takes a claim away. */
  claims(changes: Members = {}): Members {
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

  /** What turns a user's claims into those of an application on its own. */
  static appOnly(roles: readonly string[]): Members {
    return { scp: undefined, name: undefined, idtyp: 'app', roles, sub: ALICE };
  }

  token(claims: Members = {}, header: Members = {}, key = this.current): string {
    return signedText(
      JSON.stringify({ typ: 'JWT', alg: 'RS256', kid: key.keyId, ...header }),
      JSON.stringify(this.claims(claims)),
      key.privateKey,
    );
  }
}
