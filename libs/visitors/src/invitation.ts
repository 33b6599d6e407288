import type { CanonicalName } from '#libs/platform';

/** Lets a number of visitors in for one purpose, until it expires or is ended. */
export interface Invitation {
  /** UUID */
  readonly id: string;
  /** Of the person or service that has invited. */
  readonly tenant: CanonicalName;
  /** What the visitors are invited to, in the words of the inviting application. */
  readonly meeting: string;
  /** Of each visitor's token. */
  readonly scopes: readonly string[];
  readonly maxUses: number;
  readonly expiresAt: Date;
}

/** What a genuine invitation says of itself. */
export interface OpenedInvitation {
  readonly id: string;
  /** SHA-256 of the invitation, which is all that is stored of it. */
  readonly hash: Buffer;
}

/** A new invitation, as the visitor gets it. */
export interface SignedInvitation extends OpenedInvitation {
  readonly text: string;
  readonly keyVersion: string;
}
