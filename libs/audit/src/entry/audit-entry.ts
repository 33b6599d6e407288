import { z } from 'zod';
import type { AuditAction, AuditOutcome } from '../trail/audit-event.js';

/**
 * An entry of the log, format version 1, as parsed from its canonical bytes.
 *
 * Members are declared in canonical order (RFC 8785 section 3.2.3), which is their order in the bytes. A
 * format never changes: a new one gets a new version, and old entries keep theirs.
 */
export interface AuditEntry {
  readonly action: AuditAction;
  readonly actor: EntryActor;
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** UUIDv7, whose time is `recordedAt`. */
  readonly id: string;
  readonly outcome: AuditOutcome;
  readonly personal?: PersonalHashes;
  readonly policy?: { readonly rule: string; readonly version: string };
  readonly reason?: { readonly code: string; readonly detail?: string };
  /** RFC 3339, UTC, milliseconds. Never earlier than in the entry before. */
  readonly recordedAt: string;
  readonly request?: { readonly id: string; readonly traceId?: string };
  readonly target?: {
    readonly communicationUserId?: string;
    readonly identityId?: string;
    readonly kind?: string;
    readonly resource?: string;
    readonly subject?: string;
    readonly tenant?: string;
  };
  readonly token?: {
    readonly expiresOn: string;
    readonly fingerprint: string;
    readonly fingerprintKey: string;
    readonly scopes: readonly string[];
  };
  readonly upstream?: { readonly correlationVector?: string; readonly secretVersion?: string };
  readonly version: 1;
}

/** The actor of an entry. Callers have every member but `name`; the service and operators have only `name`; a visitor has its tenant, and its invitation as `subject`. */
export interface EntryActor {
  readonly clientApp?: string;
  readonly isGuest?: boolean;
  readonly issuer?: string;
  readonly kind: 'user' | 'service' | 'bot' | 'visitor' | 'system' | 'operator' | 'unauthenticated';
  readonly name?: string;
  readonly permissions?: readonly string[];
  readonly subject?: string;
  readonly tenant?: string;
  readonly tokenId?: string;
}

/** base64url of SHA-256(salt ‖ value) for each personal value. Salts are erased with their values. */
export interface PersonalHashes {
  readonly actorDisplayName?: string;
  readonly clientAddress?: string;
  readonly targetDisplayName?: string;
  readonly userAgent?: string;
}

/** An entry with its index and the personal values stored beside the log. */
export interface AuditEntryRecord {
  readonly index: number;
  readonly entry: AuditEntry;
  /** The stored bytes: the canonical ones, which the log commits to, unless it is damaged. */
  readonly leaf: Buffer;
  /**
   * Whether the log commits to other bytes: then `entry` is what was changed. Or whether a personal value has
   * another hash than the entry: then it is left out.
   */
  readonly isDamaged: boolean;
  /** The values of the entry's hashes; absent ones were erased or never given. */
  readonly personal: {
    readonly actorDisplayName?: string;
    readonly clientAddress?: string;
    readonly targetDisplayName?: string;
    readonly userAgent?: string;
  };
}

/** Size limit of an entry; whatever a caller sends is truncated to fit. */
export const MAX_AUDIT_ENTRY_BYTES = 16_384;

const text = z.string();
const texts = z.array(text);

/** The types of the members, which readers rely on. Later formats may add members. */
const ENTRY_SCHEMA = z.looseObject({
  action: text,
  actor: z.looseObject({
    clientApp: text.optional(),
    isGuest: z.boolean().optional(),
    issuer: text.optional(),
    kind: text,
    name: text.optional(),
    permissions: texts.optional(),
    subject: text.optional(),
    tenant: text.optional(),
    tokenId: text.optional(),
  }),
  details: z.record(text, z.union([text, z.number(), z.boolean(), texts])).optional(),
  id: text,
  outcome: text,
  personal: z.record(text, text).optional(),
  policy: z.looseObject({ rule: text, version: text }).optional(),
  reason: z.looseObject({ code: text, detail: text.optional() }).optional(),
  recordedAt: z.iso.datetime({ precision: 3 }),
  request: z.looseObject({ id: text, traceId: text.optional() }).optional(),
  target: z.record(text, text).optional(),
  token: z
    .looseObject({ expiresOn: text, fingerprint: text, fingerprintKey: text, scopes: texts })
    .optional(),
  upstream: z.record(text, text).optional(),
});

/**
 * Parses the bytes of an entry, without verifying that they are in the log.
 *
 * @returns `undefined` when they can't be parsed
 */
export function tryParseAuditEntry(leaf: Buffer): AuditEntry | undefined {
  try {
    const entry: unknown = JSON.parse(leaf.toString('utf8'));
    // The schema has checked every member that AuditEntry declares.
    return ENTRY_SCHEMA.safeParse(entry).success ? (entry as AuditEntry) : undefined;
  } catch {
    return undefined;
  }
}
