import 'reflect-metadata';
import {
  createHash,
  createHmac,
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  sign,
  webcrypto,
  X509Certificate as NodeCertificate,
} from 'node:crypto';
import { promisify } from 'node:util';
import { X509CertificateGenerator } from '@peculiar/x509';
import { z } from 'zod';
import type { StateFolder } from '../state-folder.js';

/** A signing key with the self-signed certificate that names it. */
export interface SigningKey {
  /** `kid` and `x5t` alike: the base64url SHA-1 thumbprint of the certificate, as Entra has it. */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly certificateBase64: string;
}

const storedKeys = z.array(z.strictObject({ privateKey: z.string(), certificate: z.string() }));
const fileName = 'entra-keys.json';
const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;

/** The keys with which every tenant's tokens are signed; the last one is current. */
export class SigningKeys {
  private unknownKey: SigningKey | undefined;

  private constructor(
    private keys: readonly [SigningKey, ...SigningKey[]],
    private readonly folder: StateFolder | undefined,
  ) {}

  /** @param folder where keys are kept between starts; without it they live in memory alone. */
  static async load(folder: StateFolder | undefined): Promise<SigningKeys> {
    const stored = folder?.readJson(fileName, storedKeys)?.map(restoreKey) ?? [];
    const [first, ...rest] = stored;
    const keys = new SigningKeys([first ?? (await createKey()), ...rest], folder);
    keys.store();
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

  /** Makes a new current key. The old ones stay published unless they are retired. */
  async rotate(retireOld: boolean): Promise<SigningKey> {
    const added = await createKey();
    const [first, ...rest] = this.keys;
    this.keys = retireOld ? [added] : [first, ...rest, added];
    this.store();
    return added;
  }

  /** A key that is never published. */
  async unknown(): Promise<SigningKey> {
    this.unknownKey ??= await createKey();
    return this.unknownKey;
  }

  private store(): void {
    const content = this.keys.map((key) => ({
      privateKey: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certificate: key.certificateBase64,
    }));
    this.folder?.write(fileName, JSON.stringify(content));
  }
}

/**
 * Compact JWS. The algorithm follows `header.alg` where it is one that fits the key.
 *
 * @param header as JSON, or a text that is taken as it is; so are `claims`.
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

async function createKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
  });
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=accounts.accesscontrol.emulator',
    keys: {
      privateKey: await webcrypto.subtle.importKey(
        'pkcs8',
        privateKey.export({ type: 'pkcs8', format: 'der' }),
        algorithm,
        false,
        ['sign'],
      ),
      publicKey: await webcrypto.subtle.importKey(
        'spki',
        publicKey.export({ type: 'spki', format: 'der' }),
        algorithm,
        true,
        ['verify'],
      ),
    },
    signingAlgorithm: algorithm,
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
