import { isProblemCode } from '#libs/platform';

/** Codes of reasons that are no problem types: why something was done. */
const OF_ACTS: readonly string[] = [
  'audit-late',
  'by-role',
  'damage-found',
  'entry-damaged',
  'erasure-requested',
  'identity-suspended',
  'import-broken-off',
  'invalid-policy',
  'lease-expired',
  'mass-revocation',
  'orphaned',
  'own-request',
  'person-erased',
  'reconciled',
  'sign-out',
  'token-revocation',
  'tokens-expired',
];

/** Whether the reason of an entry of this release can have a code. Entries of others may have further ones. */
export function isReasonCode(code: string): boolean {
  return OF_ACTS.includes(code) || isProblemCode(code);
}
