import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/platform';

/** Something that is wrong. It is reported until a later check of its place no longer finds it. */
export interface Finding {
  /** Of a slice or inside one: the slice that has it finds it again. */
  readonly place: string;
  /** Such as `entry-differs`. */
  readonly kind: string;
  /** What differs and where, without its value. */
  readonly detail: string;
  /** What differs, without where: the same for all findings that one edit may cause. Default: `kind`. */
  readonly cause?: string;
  /**
   * Whether a replica has recorded it, for replicas that record at the same time. Parts don't set it, and it
   * proves nothing: the log alone says what was recorded.
   */
  readonly isRecorded?: boolean;
  /** Entries of the log when it was found first: earlier entries are about an earlier time. Parts don't set it. */
  readonly since?: number;
  /** The position whose check found it. Parts don't set it. */
  readonly slice?: PartPosition;
}

/** Kind of the findings of a slice whose check fails: by its data, or by a fault of the server that passes. */
export const CHECK_FAILED = 'check-failed';

/** How far the checks of a part are. The part alone knows its members. */
export type PartPosition = Readonly<Record<string, string | number>>;

/** What a check came to. */
export interface CheckedPlaces {
  readonly position: PartPosition;
  /** The position whose check is that of these places. Default: the one that the check began with. */
  readonly slice?: PartPosition;
  /** What is wrong in the places that were checked. */
  readonly found: readonly Finding[];
  /** Whether a place was checked: of its earlier findings only those that were found again remain. */
  readonly isChecked: (place: string) => boolean;
}

export interface CheckedSlice extends CheckedPlaces {
  /** From 0 to 1: how much of the pass is done. */
  readonly progress: number;
  /** Whether the pass over all data is complete, so that the next slice is the first of another one. */
  readonly isComplete: boolean;
}

/**
 * Data that are checked in slices, pass after pass. A position is believed only as far as the data confirm it:
 * anybody who can write the table of the verifier can write one.
 */
export interface VerifiedPart {
  readonly name: string;
  /**
   * Checks the next slice of the pass.
   *
   * @param transaction one snapshot; nothing is written
   * @param position what the last check returned; empty before the first one
   */
  check(transaction: Transaction, position: PartPosition): Promise<CheckedSlice>;
  /**
   * Checks what was added since the last call. Absent: only passes find it.
   *
   * @returns `undefined` when nothing was added
   */
  checkNew?(transaction: Transaction, position: PartPosition): Promise<CheckedPlaces | undefined>;
}

/** The parts that the background verifier checks. Other libraries add theirs when they are initialised. */
@Injectable()
export class VerifiedParts {
  readonly all: VerifiedPart[] = [];

  add(part: VerifiedPart): void {
    this.all.push(part);
  }
}

/** Whether two findings are of the same fault, also when slices with other bounds found it. */
export function isSameFinding(
  one: Pick<Finding, 'kind' | 'detail'>,
  other: Pick<Finding, 'kind' | 'detail'>,
): boolean {
  return one.kind === other.kind && one.detail === other.detail;
}

/**
 * The findings after a check, with what is known of those that were found before.
 *
 * @param logSize entries of the log now
 */
export function carryOver(
  before: readonly Finding[],
  after: readonly Finding[],
  logSize: number,
): readonly Finding[] {
  return after.map((finding) => {
    const known = before.find((one) => isSameFinding(one, finding));
    const since = known ? Math.min(known.since ?? 0, logSize) : logSize;
    return { ...finding, since, ...(known?.isRecorded === true && { isRecorded: true }) };
  });
}

/**
 * Numbered places from `start` up to `end`, and any other text. Without `start` those before are among them,
 * without `end` those after: so the slices of a pass leave out none, whatever the table of the verifier has.
 */
export function placesWithin(start?: number, end?: number): (place: string) => boolean {
  return (place) => {
    const isBefore = start !== undefined && Number(place) < start;
    const isAfter = end !== undefined && Number(place) >= end;
    return !isBefore && !isAfter;
  };
}

/**
 * The findings of a check, and of the earlier ones those of other places. Of too many, those of the most
 * frequent causes are left out, so that none hides another one; of causes that are equally frequent, those
 * that were found now are kept.
 */
export function mergeFindings(
  earlier: readonly Finding[],
  isChecked: (place: string) => boolean,
  found: readonly Finding[],
): Finding[] {
  const others = earlier.filter(
    (one) => !isChecked(one.place) && !found.some((other) => isSameFinding(one, other)),
  );
  const all = [...others, ...found];
  if (all.length <= MAX_FINDINGS) return all;
  const ofCause = new Map<string, number>();
  const ranked = all.map((finding, nth) => {
    const cause = finding.cause ?? finding.kind;
    const rank = ofCause.get(cause) ?? 0;
    ofCause.set(cause, rank + 1);
    return { finding, rank, isEarlier: nth < others.length };
  });
  return ranked
    .sort((one, other) => one.rank - other.rank || Number(one.isEarlier) - Number(other.isEarlier))
    .slice(0, MAX_FINDINGS)
    .map(({ finding }) => finding);
}

/** More findings of one part are not remembered. */
export const MAX_FINDINGS = 100;
