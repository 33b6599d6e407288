import {
  createHash,
  createHmac,
  type KeyObject,
  randomBytes,
  randomUUID,
  timingSafeEqual,
} from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/platform';
import { InvitationRefused } from './errors.js';
import type { OpenedInvitation, SignedInvitation } from './invitation.js';
import { InvitationKeys } from './invitation-keys.js';

/** Version of the key, then payload and HMAC in base64url. */
const PATTERN = /^v1\.([0-9A-Za-z-]{1,127})\.([\w-]{48})\.([\w-]{43})$/;
/** Nothing else that this key could sign begins like this. */
const DOMAIN = 'acs-identity invitation v1';
const NONCE_BYTES = 16;

/**
 * Signs invitations with HMAC-SHA-256, and verifies them without the database.
 *
 * `v1.<version of the key>.<payload>.<HMAC>`. The payload has the id (16 bytes), the expiry (4 bytes,
 * seconds since 1970) and a random nonce (16 bytes), without which neither the key nor the stored rows are
 * enough to make an invitation that lets somebody in.
 */
@Injectable()
export class InvitationSigner {
  constructor(
    private readonly keys: InvitationKeys,
    private readonly clock: Clock,
  ) {}

  /** @param expiresAt in whole seconds */
  async sign(expiresAt: Date): Promise<SignedInvitation> {
    const { version, key } = await this.keys.current();
    const id = randomUUID();
    const expiry = Buffer.alloc(4);
    expiry.writeUInt32BE(expiresAt.getTime() / 1_000);
    const bytes = Buffer.concat([bytesOf(id), expiry, randomBytes(NONCE_BYTES)]);
    const payload = bytes.toString('base64url');
    const text = `v1.${version}.${payload}.${hmac(key, version, payload)}`;
    return { id, hash: hashOf(text), text, keyVersion: version };
  }

  /** @throws InvitationRefused unless this service has signed it and it has not expired */
  async open(text: string): Promise<OpenedInvitation> {
    const [, version = '', payload = '', signature = ''] = PATTERN.exec(text) ?? [];
    if (version === '') throw new InvitationRefused('malformed');
    const key = await this.keys.find(version);
    if (!key) throw new InvitationRefused('forged');
    const expected = hmac(key, version, payload);
    if (!timingSafeEqual(Buffer.from(signature, 'latin1'), Buffer.from(expected, 'latin1'))) {
      throw new InvitationRefused('forged');
    }
    const bytes = Buffer.from(payload, 'base64url');
    const id = uuidOf(bytes.subarray(0, 16));
    const hasExpired = bytes.readUInt32BE(16) * 1_000 <= this.clock.now();
    if (hasExpired) throw new InvitationRefused('expired', id);
    return { id, hash: hashOf(text) };
  }
}

function hmac(key: KeyObject, version: string, payload: string): string {
  return createHmac('sha256', key).update(`${DOMAIN}\n${version}.${payload}`).digest('base64url');
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function bytesOf(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
