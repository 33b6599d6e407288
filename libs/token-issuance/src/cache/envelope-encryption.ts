import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { SecretStore } from '#libs/secrets';
import { tokenIssuanceSettings, type TokenIssuanceSettings } from '../settings.js';

/** A token that only who holds the key can read. */
export interface SealedToken {
  /** AES-256-GCM with the data key: nonce, ciphertext, tag. */
  readonly sealed: Buffer;
  /** The data key, made for this token alone, under the store's key: nonce, ciphertext, tag. */
  readonly wrappedKey: Buffer;
  /** Version of the store's key. */
  readonly keyVersion: string;
}

/** The secret is no key, or what was sealed was changed. Says nothing of either's content. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Seals tokens in an envelope: each under a key of its own, which is wrapped by the key in the secret
 * store. New tokens use its newest version, old ones name theirs.
 */
@Injectable()
export class EnvelopeEncryption {
  constructor(
    private readonly secrets: SecretStore,
    @Inject(tokenIssuanceSettings.key)
    private readonly settings: Pick<TokenIssuanceSettings, 'cacheKeySecret'>,
  ) {}

  /** @param binding what the token belongs to; it opens with the same alone */
  async seal(token: string, binding: string): Promise<SealedToken> {
    const { value, version } = await this.secrets.read(this.settings.cacheKeySecret);
    const dataKey = randomBytes(KEY_BYTES);
    const bound = Buffer.from(binding);
    return {
      sealed: encrypt(dataKey, Buffer.from(token), bound),
      wrappedKey: encrypt(keyOf(value), dataKey, bound),
      keyVersion: version,
    };
  }

  /** @throws SealBroken when it was sealed for another binding, or changed */
  async open({ sealed, wrappedKey, keyVersion }: SealedToken, binding: string): Promise<string> {
    const { value } = await this.secrets.readVersion(this.settings.cacheKeySecret, keyVersion);
    const bound = Buffer.from(binding);
    return decrypt(decrypt(keyOf(value), wrappedKey, bound), sealed, bound).toString();
  }
}

function keyOf(text: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== KEY_BYTES) {
    throw new SealBroken('the secret for kept tokens is not 32 bytes in base64');
  }
  return key;
}

function encrypt(key: Buffer, plain: Buffer, binding: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(binding);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, box: Buffer, binding: Buffer): Buffer {
  try {
    const end = box.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(binding)
      .setAuthTag(box.subarray(end));
    return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, end)), decipher.final()]);
  } catch {
    throw new SealBroken('a kept token can not be opened');
  }
}
