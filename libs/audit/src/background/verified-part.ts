import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/platform';
import type { CheckpointTrust } from '#libs/transparency-log';

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
  /** Whether the log has its entry `audit.damage`. Parts don't set it. */
  readonly isRecorded?: boolean;
}

/** How far the checks of a part are. The part alone knows its members. */
export type PartPosition = Readonly<Record<string, string | number>>;

/** What the checks of a part remember between two slices, in any replica. */
export interface PartState {
  /** Empty before the first slice. */
  readonly position: PartPosition;
  /** Of all slices. */
  readonly findings: readonly Finding[];
}

export interface CheckedSlice extends PartState {
  /** From 0 to 1: how much of the pass is done. */
  readonly progress: number;
  /** Whether the pass over all data is complete, so that the next slice is the first of another one. */
  readonly isComplete: boolean;
}

/** Data that are checked in slices, pass after pass. */
export interface VerifiedPart {
  readonly name: string;
  /**
   * Checks the next slice of the pass.
   *
   * @param transaction one snapshot; nothing is written
   */
  check(transaction: Transaction, state: PartState, trust: CheckpointTrust): Promise<CheckedSlice>;
  /** Checks what was added since the last call. Absent: only passes find it. */
  checkNew?(transaction: Transaction, state: PartState, trust: CheckpointTrust): Promise<PartState>;
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
export function isSameFinding(one: Finding, other: Finding): boolean {
  return one.kind === other.kind && one.detail === other.detail;
}

/** The findings after a check: those that it found again keep that they are recorded. */
export function keepRecorded(
  before: readonly Finding[],
  after: readonly Finding[],
): readonly Finding[] {
  const recorded = before.filter(({ isRecorded }) => isRecorded);
  return after.map((finding) =>
    recorded.some((one) => isSameFinding(one, finding))
      ? { ...finding, isRecorded: true }
      : finding,
  );
}

/**
 * The findings of a slice, and of the others those outside it. Of too many, those of the most frequent causes
 * are left out, so that none hides another one.
 */
export function mergeFindings(
  earlier: readonly Finding[],
  isInSlice: (place: string) => boolean,
  found: readonly Finding[],
): Finding[] {
  const others = earlier.filter(
    (one) => !isInSlice(one.place) && !found.some((other) => isSameFinding(one, other)),
  );
  const all = [...others, ...found];
  if (all.length <= MAX_FINDINGS) return all;
  const ofCause = new Map<string, number>();
  const ranked = all.map((finding) => {
    const cause = finding.cause ?? finding.kind;
    const rank = ofCause.get(cause) ?? 0;
    ofCause.set(cause, rank + 1);
    return { finding, rank };
  });
  return ranked
    .sort((one, other) => one.rank - other.rank)
    .slice(0, MAX_FINDINGS)
    .map(({ finding }) => finding);
}

/** More findings of one part are not remembered. */
export const MAX_FINDINGS = 100;
