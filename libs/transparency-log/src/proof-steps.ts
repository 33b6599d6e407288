import { floorLog2 } from './numbers.js';

/** The leaves from `start` (inclusive) to `end` (exclusive). */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** One hash of a proof: the leaves it covers, and the side on which it is combined. */
export interface ProofStep extends LeafRange {
  readonly side: 'left' | 'right';
}

/** A consistency proof: the subtree shared by both trees, and the steps from it to both roots. */
interface ConsistencyPath {
  readonly shared: LeafRange;
  readonly steps: readonly ProofStep[];
}

/**
 * The steps from a leaf to the root (RFC 6962 section 2.1.1), for an index below the size. Within one
 * size the sequence of sides is unique to the index, so a proof is valid for one index only.
 */
export function inclusionSteps(index: number, size: number): ProofStep[] {
  const steps: ProofStep[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      steps.push({ side: 'right', start: middle, end });
      end = middle;
    } else {
      steps.push({ side: 'left', start, end: middle });
      start = middle;
    }
  }
  return steps.reverse();
}

/** The path of a consistency proof (RFC 6962 section 2.1.2), for 0 < old size < new size. */
export function consistencyPath(oldSize: number, newSize: number): ConsistencyPath {
  const steps: ProofStep[] = [];
  let start = 0;
  let end = newSize;
  while (end !== oldSize) {
    const middle = start + largestPowerBelow(end - start);
    if (oldSize <= middle) {
      steps.push({ side: 'right', start: middle, end });
      end = middle;
    } else {
      steps.push({ side: 'left', start, end: middle });
      start = middle;
    }
  }
  return { shared: { start, end }, steps: steps.reverse() };
}

/** The largest power of two below `count`, which is at least 2. */
function largestPowerBelow(count: number): number {
  return 2 ** floorLog2(count - 1);
}
