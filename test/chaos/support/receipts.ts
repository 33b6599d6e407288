import { createHmac } from 'node:crypto';

/** What a client learned of the audit entry of its request. */
export interface Receipt {
  readonly id: string;
  readonly index: number;
  /** Actions that the entry may have. */
  readonly actions: readonly string[];
  /** Identity and keyed fingerprint of an issued token. */
  readonly communicationUserId?: string;
  readonly fingerprint?: string;
}

type TokenReceipt = Receipt & Required<Pick<Receipt, 'communicationUserId'>>;

const FINGERPRINT_KEY = 'the fingerprint key of campaigns';

/** Secrets for the emulator's vault, so that a campaign can compute the fingerprints of tokens. */
export const fingerprintSecrets = { 'audit-fingerprint-key': FINGERPRINT_KEY };

/** Reads the receipt of an issued token from the body of the response. */
export function tokenReceipt(text: string): TokenReceipt {
  const { token, identity, auditEntry } = JSON.parse(text) as {
    token: string;
    identity: { communicationUserId: string };
    auditEntry: { id: string; index: number };
  };
  return {
    ...auditEntry,
    actions: ['token.issue', 'token.reuse'],
    communicationUserId: identity.communicationUserId,
    fingerprint: createHmac('sha256', FINGERPRINT_KEY).update(token).digest('base64url'),
  };
}

/** Reads the receipt of a revocation; there is none when there was nothing to revoke. */
export function revocationReceipts(text: string): Receipt[] {
  const { auditEntry } = JSON.parse(text) as { auditEntry?: { id: string; index: number } };
  return auditEntry ? [{ ...auditEntry, actions: ['token.revoke'] }] : [];
}
