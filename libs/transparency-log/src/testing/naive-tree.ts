import { createHash } from 'node:crypto';

/**
 * Reference implementation of RFC 6962 section 2.1: recursive, and independent of the library. It
 * caches subtrees, so that all sizes up to a few thousand are fast.
 */
export class NaiveTree {
  readonly #known = new Map<string, Uint8Array>();

  constructor(private readonly entries: readonly Uint8Array[]) {}

  /** MTH(D[from:to]). */
  root(from: number, to: number): Uint8Array {
    const key = `${from}:${to}`;
    const known = this.#known.get(key);
    if (known !== undefined) {
      return known;
    }
    const root = this.#compute(from, to);
    this.#known.set(key, root);
    return root;
  }

  /** PATH(m, D[from:to]), with m counted from `from`. */
  inclusionProof(m: number, from: number, to: number): Uint8Array[] {
    const n = to - from;
    if (n === 1) {
      return [];
    }
    const k = split(n);
    return m < k
      ? [...this.inclusionProof(m, from, from + k), this.root(from + k, to)]
      : [...this.inclusionProof(m - k, from + k, to), this.root(from, from + k)];
  }

  /** PROOF(m, D[0:n]). */
  consistencyProof(m: number, n: number): Uint8Array[] {
    return this.#subproof(m, 0, n, true);
  }

  #subproof(m: number, from: number, to: number, isWhole: boolean): Uint8Array[] {
    const n = to - from;
    if (m === n) {
      return isWhole ? [] : [this.root(from, to)];
    }
    const k = split(n);
    return m <= k
      ? [...this.#subproof(m, from, from + k, isWhole), this.root(from + k, to)]
      : [...this.#subproof(m - k, from + k, to, false), this.root(from, from + k)];
  }

  #compute(from: number, to: number): Uint8Array {
    const n = to - from;
    if (n === 0) {
      return sha256();
    }
    if (n === 1) {
      return sha256(Buffer.of(0), this.entries[from] ?? Buffer.alloc(0));
    }
    const k = split(n);
    return sha256(Buffer.of(1), this.root(from, from + k), this.root(from + k, to));
  }
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) {
    k *= 2;
  }
  return k;
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
}
