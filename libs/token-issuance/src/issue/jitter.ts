import { randomInt } from 'node:crypto';
import type { Grant } from '../policy/issuance-policy.js';

/** Share of the lifetime by which it may vary, up and down. */
const SPREAD = 0.1;

/**
 * The lifetime to request from ACS, in minutes. Where tokens are cached and the caller requested no
 * lifetime it varies by a tenth within the rule's limits, so that tokens that were issued together
 * are not renewed together.
 */
export function jitteredLifetime({ expiresInMinutes, lifetimeMinutes, ...grant }: Grant): number {
  if (!grant.isReusable || grant.isLifetimeRequested) return expiresInMinutes;
  const { shortest, longest } = lifetimeMinutes;
  const spread = Math.floor(expiresInMinutes * SPREAD);
  const lowest = Math.max(shortest, expiresInMinutes - spread);
  const highest = Math.min(longest, expiresInMinutes + spread);
  return randomInt(lowest, highest + 1);
}
