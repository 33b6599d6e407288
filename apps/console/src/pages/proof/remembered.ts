import type { TreeHead } from '#libs/transparency-log';
import type { SignedCheckpoint } from './check-log.js';

/**
 * What this browser remembers of the log, to recognise another one: the keys that it trusts, and the newest
 * checkpoint that it verified. It stays after signing out.
 */

/** Keys that this browser trusts. */
export interface PinnedKeys {
  /** As `parseLogKeys` reads them. */
  readonly lines: string;
  /** ISO 8601. */
  readonly pinnedAt: string;
  /** Whether somebody entered them, or they are those of the first visit. */
  readonly by: 'first visit' | 'person';
}

/** A checkpoint that this browser verified. */
export interface SeenCheckpoint {
  readonly origin: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly root: string;
  readonly note: string;
  /** ISO 8601. */
  readonly seenAt: string;
}

/** The policy of witnesses that this browser requires. */
export interface PinnedPolicy {
  /** C2SP tlog-policy. */
  readonly text: string;
  /** ISO 8601. */
  readonly pinnedAt: string;
  readonly by: PinnedKeys['by'];
}

const KEYS = 'console.log-keys';
const POLICY = 'console.witness-policy';
/** One for each origin: a log with another origin is another log. */
const CHECKPOINT = 'console.checkpoint ';

export function pinnedKeys(): PinnedKeys | undefined {
  return stored(KEYS) as PinnedKeys | undefined;
}

export function pinKeys(lines: string, by: PinnedKeys['by']): PinnedKeys {
  const keys = { lines: lines.trim(), pinnedAt: new Date().toISOString(), by };
  localStorage.setItem(KEYS, JSON.stringify(keys));
  return keys;
}

export function pinnedPolicy(): PinnedPolicy | undefined {
  return stored(POLICY) as PinnedPolicy | undefined;
}

export function pinPolicy(text: string, by: PinnedPolicy['by']): PinnedPolicy {
  const policy = { text: text.trim(), pinnedAt: new Date().toISOString(), by };
  localStorage.setItem(POLICY, JSON.stringify(policy));
  return policy;
}

export function seenCheckpoint(origin: string): SeenCheckpoint | undefined {
  return stored(CHECKPOINT + origin) as SeenCheckpoint | undefined;
}

/** Remembers a checkpoint that was verified to continue what was seen before. */
export function rememberCheckpoint({ origin, size, root, note }: SignedCheckpoint): void {
  const seenAt = new Date().toISOString();
  const seen: SeenCheckpoint = { origin, size, root: hexOf(root), note, seenAt };
  localStorage.setItem(CHECKPOINT + origin, JSON.stringify(seen));
}

/** Forgets the keys, the policy and all checkpoints: the next visit is the first one. */
export function forget(): void {
  const names = Object.keys(localStorage);
  for (const name of names)
    if (name === KEYS || name === POLICY || name.startsWith(CHECKPOINT))
      localStorage.removeItem(name);
}

export function headOf({ size, root }: SeenCheckpoint): TreeHead {
  return { size, root: Uint8Array.from(root.match(/../g) ?? [], (byte) => parseInt(byte, 16)) };
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Only this file writes what it reads. */
function stored(name: string): unknown {
  return JSON.parse(localStorage.getItem(name) ?? 'null') ?? undefined;
}
