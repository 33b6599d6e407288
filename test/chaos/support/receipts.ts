import { createHmac } from 'node:crypto';

/** What a caller was told: which entry stands for what it got. */
export interface Receipt {
  readonly id: string;
  readonly index: number;
  /** What the entry may say that was done. */
  readonly actions: readonly string[];
  /** Of a token: whose it is and its keyed fingerprint. */
  readonly communicationUserId?: string;
  readonly fingerprint?: string;
}

type TokenReceipt = Receipt & Required<Pick<Receipt, 'communicationUserId'>>;

const FINGERPRINT_KEY = 'the fingerprint key of campaigns';

/** What the emulator's vault must hold, so that a campaign can fingerprint tokens itself. */
export const fingerprintSecrets = { 'audit-fingerprint-key': FINGERPRINT_KEY };

/** Reads the answer to a request for a token. */
export function tokenReceipt(answer: string): TokenReceipt {
  const { token, identity, auditEntry } = JSON.parse(answer) as {
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

/** Reads the answer to a revocation; there is none where nothing was to be revoked. */
export function revocationReceipts(answer: string): Receipt[] {
  const { auditEntry } = JSON.parse(answer) as { auditEntry?: { id: string; index: number } };
  return auditEntry ? [{ ...auditEntry, actions: ['token.revoke'] }] : [];
}
