import 'reflect-metadata';
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  webcrypto,
  X509Certificate as NodeCertificate,
} from 'node:crypto';
import { X509CertificateGenerator } from '@peculiar/x509';
import { z } from 'zod';
import { createRsaKey } from '../keys.js';
import type { StateFolder } from '../state-folder.js';

/** A signing key with its self-signed certificate. */
export interface SigningKey {
  /** `kid` and `x5t`: as in Entra, the base64url SHA-1 thumbprint of the certificate. */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly certificateBase64: string;
}

const storedKeys = z.array(z.strictObject({ privateKey: z.string(), certificate: z.string() }));
const FILE = 'entra-keys.json';
const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;

/** The signing keys of all tenants. The last one is current. */
export class SigningKeys {
  #unknownKey: SigningKey | undefined;

  private constructor(
    private keys: readonly [SigningKey, ...SigningKey[]],
    private readonly folder: StateFolder | undefined,
  ) {}

  /**
   * @param folder stores the keys between starts. Absent: memory only.
   * @param firstKey the private key when none is stored; a new one by default
   */
  static async load(folder: StateFolder | undefined, firstKey?: KeyObject): Promise<SigningKeys> {
    const stored = folder?.readJson(FILE, storedKeys)?.map(restoreKey) ?? [];
    const [first, ...rest] = stored;
    const keys = new SigningKeys([first ?? (await createKey(firstKey)), ...rest], folder);
    keys.#store();
    return keys;
  }

  get current(): SigningKey {
    return this.keys.at(-1) ?? this.keys[0];
  }

  get published(): readonly SigningKey[] {
    return this.keys;
  }

  find(kid: unknown): SigningKey | undefined {
    return this.keys.find((key) => key.kid === kid);
  }

  /** Creates a new current key. Old keys stay published unless `retireOld` is set. */
  async rotate(retireOld: boolean): Promise<SigningKey> {
    const added = await createKey();
    const [first, ...rest] = this.keys;
    this.keys = retireOld ? [added] : [first, ...rest, added];
    this.#store();
    return added;
  }

  /** A key that is not published. */
  async unknown(): Promise<SigningKey> {
    this.#unknownKey ??= await createKey();
    return this.#unknownKey;
  }

  #store(): void {
    const content = this.keys.map((key) => ({
      privateKey: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certificate: key.certificateBase64,
    }));
    this.folder?.write(FILE, JSON.stringify(content));
  }
}

/**
 * Signs a compact JWS. Uses `header.alg` if it fits the key, else RS256 or HS256.
 *
 * @param header an object, or a verbatim text; the same for `claims`.
 */
export function signCompact(
  header: object | string,
  claims: object | string,
  key: KeyObject | 'none',
): string {
  const input = `${encodePart(header)}.${encodePart(claims)}`;
  if (key === 'none') return `${input}.`;
  const named = typeof header === 'object' && 'alg' in header ? header.alg : undefined;
  if (key.type === 'secret') {
    return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
  }
  const hash = named === 'RS384' ? 'sha384' : named === 'RS512' ? 'sha512' : 'sha256';
  return `${input}.${sign(hash, Buffer.from(input), key).toString('base64url')}`;
}

function encodePart(part: object | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

async function createKey(given?: KeyObject): Promise<SigningKey> {
  const privateKey = given ?? (await createRsaKey());
  const publicKey = createPublicKey(privateKey);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=accounts.accesscontrol.emulator',
    keys: {
      privateKey: await webcrypto.subtle.importKey(
        'pkcs8',
        privateKey.export({ type: 'pkcs8', format: 'der' }),
        ALGORITHM,
        false,
        ['sign'],
      ),
      publicKey: await webcrypto.subtle.importKey(
        'spki',
        publicKey.export({ type: 'spki', format: 'der' }),
        ALGORITHM,
        true,
        ['verify'],
      ),
    },
    signingAlgorithm: ALGORITHM,
  });
  const raw = Buffer.from(certificate.rawData);
  return { kid: thumbprint(raw), privateKey, publicKey, certificateBase64: raw.toString('base64') };
}

function restoreKey(stored: { privateKey: string; certificate: string }): SigningKey {
  const raw = Buffer.from(stored.certificate, 'base64');
  return {
    kid: thumbprint(raw),
    privateKey: createPrivateKey(stored.privateKey),
    publicKey: new NodeCertificate(raw).publicKey,
    certificateBase64: stored.certificate,
  };
}

function thumbprint(certificate: Buffer): string {
  return createHash('sha1').update(certificate).digest('base64url');
}
