import { randomInt } from 'node:crypto';
import type { Grant } from '../policy/issuance-policy.js';

/** Share of the lifetime by which it may vary, up and down. */
const SPREAD = 0.1;

/**
 * The lifetime to ask ACS for. Where tokens are kept and nobody asked for a lifetime it varies by a
 * tenth within the rule's bounds, so that those who came together in the morning don't renew together.
 */
export function jittered({ expiresInMinutes, lifetimeMinutes, ...grant }: Grant): number {
  if (!grant.isReusable || grant.isLifetimeAsked) return expiresInMinutes;
  const { shortest, longest } = lifetimeMinutes;
  const spread = Math.floor(expiresInMinutes * SPREAD);
  const lowest = Math.max(shortest, expiresInMinutes - spread);
  const highest = Math.min(longest, expiresInMinutes + spread);
  return randomInt(lowest, highest + 1);
}
