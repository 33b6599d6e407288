import { type TreeHead, WitnessPolicy } from '#libs/transparency-log';
import { removeStored, store, stored, storedNames } from '../../shell/storage.js';
import { originOf, type SignedCheckpoint } from './check-log.js';

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

/** Something else has changed what the console kept: the log can't be compared with it. */
export class UnreadableMemory extends Error {
  override readonly name = 'UnreadableMemory';

  /** @param kept its name in the storage */
  constructor(readonly kept: string) {
    super(`${kept} is not what the console has written.`);
  }
}

const KEYS = 'console.log-keys';
const POLICY = 'console.witness-policy';
/** One for each origin: a log with another origin is another log. */
const CHECKPOINT = 'console.checkpoint ';

/** @throws UnreadableMemory */
export function pinnedKeys(): PinnedKeys | undefined {
  return read(
    KEYS,
    (kept): kept is Members & PinnedKeys =>
      isPinned(kept) && typeof kept.lines === 'string' && originOf(kept.lines) !== '',
  );
}

export function pinKeys(lines: string, by: PinnedKeys['by']): PinnedKeys {
  const keys = { lines: lines.trim(), pinnedAt: new Date().toISOString(), by };
  store(KEYS, JSON.stringify(keys));
  return keys;
}

/** @throws UnreadableMemory */
export function pinnedPolicy(): PinnedPolicy | undefined {
  return read(
    POLICY,
    (kept): kept is Members & PinnedPolicy =>
      isPinned(kept) && typeof kept.text === 'string' && isPolicy(kept.text),
  );
}

export function pinPolicy(text: string, by: PinnedPolicy['by']): PinnedPolicy {
  const policy = { text: text.trim(), pinnedAt: new Date().toISOString(), by };
  store(POLICY, JSON.stringify(policy));
  return policy;
}

/** @throws UnreadableMemory */
export function seenCheckpoint(origin: string): SeenCheckpoint | undefined {
  return read(
    CHECKPOINT + origin,
    (kept): kept is Members & SeenCheckpoint =>
      kept.origin === origin &&
      Number.isSafeInteger(kept.size) &&
      Number(kept.size) >= 0 &&
      typeof kept.root === 'string' &&
      /^[\da-f]{64}$/.test(kept.root) &&
      typeof kept.note === 'string' &&
      isTime(kept.seenAt),
  );
}

/** Remembers a checkpoint that was verified to continue what was seen before. */
export function rememberCheckpoint({ origin, size, root, note }: SignedCheckpoint): void {
  const seenAt = new Date().toISOString();
  const seen: SeenCheckpoint = { origin, size, root: hexOf(root), note, seenAt };
  store(CHECKPOINT + origin, JSON.stringify(seen));
}

/** Forgets the keys, the policy and all checkpoints: the next visit is the first one. */
export function forget(): void {
  for (const name of storedNames())
    if (name === KEYS || name === POLICY || name.startsWith(CHECKPOINT)) removeStored(name);
}

export function headOf({ size, root }: SeenCheckpoint): TreeHead {
  return { size, root: Uint8Array.from(root.match(/../g) ?? [], (byte) => parseInt(byte, 16)) };
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What was parsed, of which nothing is known yet. */
type Members = Readonly<Record<string, unknown>>;

/** @param isWhole may throw */
function read<T>(name: string, isWhole: (kept: Members) => kept is Members & T): T | undefined {
  const text = stored(name);
  if (text === undefined) return undefined;
  try {
    const kept = Object(JSON.parse(text)) as Members;
    if (isWhole(kept)) return kept;
  } catch {
    // It is no JSON, or has no keys and no policy.
  }
  throw new UnreadableMemory(name);
}

function isPinned({ pinnedAt, by }: Members): boolean {
  return isTime(pinnedAt) && (by === 'first visit' || by === 'person');
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

/** @throws InvalidPolicy */
function isPolicy(text: string): boolean {
  WitnessPolicy.parse(text);
  return true;
}
