import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Secret, SecretStore } from '#libs/secrets';
import { tokenIssuanceSettings, type TokenIssuanceSettings } from '../settings.js';

/** A token under envelope encryption: AES-256-GCM, each part as nonce, ciphertext, tag. */
export interface EncryptedToken {
  /** The token, encrypted with its data key. */
  readonly ciphertext: Buffer;
  /** The data key, generated for this token, encrypted with the key in the secret store. */
  readonly wrappedKey: Buffer;
  /** Version of the key in the secret store. */
  readonly keyVersion: string;
}

/**
 * The secret is no key, the stored bytes were changed, or the associated data differs. The message
 * contains neither key nor token.
 */
export class DecryptionFailed extends Error {
  override readonly name = 'DecryptionFailed';
}

/**
 * Reads the key that encrypts cached tokens, and parses it.
 *
 * @throws DecryptionFailed, or an error of the secret store, when it can't be used
 */
export async function examineCacheKey(
  secrets: SecretStore,
  { cacheKeySecret }: Pick<TokenIssuanceSettings, 'cacheKeySecret'>,
): Promise<void> {
  await secrets.readParsed(cacheKeySecret, keyOf);
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Encrypts tokens, each with a data key of its own, which is encrypted with the newest version of
 * the key in the secret store. Older tokens name the version that decrypts them.
 */
@Injectable()
export class EnvelopeEncryption {
  constructor(
    private readonly secrets: SecretStore,
    @Inject(tokenIssuanceSettings.key)
    private readonly settings: Pick<TokenIssuanceSettings, 'cacheKeySecret'>,
  ) {}

  /** @param associatedData authenticated with the token; `decrypt` needs the same */
  async encrypt(token: string, associatedData: string): Promise<EncryptedToken> {
    const { key, keyVersion } = await this.secrets.readParsed(
      this.settings.cacheKeySecret,
      (secret) => ({ key: keyOf(secret), keyVersion: secret.version }),
    );
    const dataKey = randomBytes(KEY_BYTES);
    const aad = Buffer.from(associatedData);
    return {
      ciphertext: encrypt(createSecretKey(dataKey), Buffer.from(token), aad),
      wrappedKey: encrypt(key, dataKey, aad),
      keyVersion,
    };
  }

  /** @throws DecryptionFailed */
  async decrypt(
    { ciphertext, wrappedKey, keyVersion }: EncryptedToken,
    associatedData: string,
  ): Promise<string> {
    const secret = await this.secrets.readVersion(this.settings.cacheKeySecret, keyVersion);
    const aad = Buffer.from(associatedData);
    const dataKey = createSecretKey(decrypt(keyOf(secret), wrappedKey, aad));
    return decrypt(dataKey, ciphertext, aad).toString();
  }
}

/** Of the cached secrets. A cipher takes three times as long with the bytes of a key as with a `KeyObject`. */
const keys = new WeakMap<Secret, KeyObject>();

function keyOf(secret: Secret): KeyObject {
  const known = keys.get(secret);
  if (known) return known;
  const bytes = Buffer.from(secret.value.trim(), 'base64');
  if (bytes.length !== KEY_BYTES) {
    throw new DecryptionFailed('the key for cached tokens is not 32 bytes in base64');
  }
  const key = createSecretKey(bytes);
  keys.set(secret, key);
  return key;
}

function encrypt(key: KeyObject, plain: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: KeyObject, encrypted: Buffer, aad: Buffer): Buffer {
  try {
    const end = encrypted.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', key, encrypted.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(aad)
      .setAuthTag(encrypted.subarray(end));
    return Buffer.concat([decipher.update(encrypted.subarray(NONCE_BYTES, end)), decipher.final()]);
  } catch {
    throw new DecryptionFailed('a cached token can not be decrypted');
  }
}
