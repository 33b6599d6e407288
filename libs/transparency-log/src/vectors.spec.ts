import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as node from './crypto.js';
import * as browser from './crypto-in-browsers.js';
import { VECTOR_CHECKS } from './testing.js';

describe('published vectors', () => {
  it.each(Object.entries(VECTOR_CHECKS))('%s', async (_, check) => {
    await check();
  });
});

describe('the implementations for Node and for browsers', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

  it('give the same hashes', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        expect(browser.sha256(input)).toEqual(node.sha256(input));
        const [one, other] = [new Uint8Array(40), new Uint8Array(40)];
        node.writeSha256(input, one, 5);
        browser.writeSha256(input, other, 5);
        expect(other).toEqual(one);
      }),
    );
  });

  it('give the same keys and signatures, and accept and reject the same ones', () => {
    fc.assert(
      fc.property(seeds, bytes, fc.nat({ max: 511 }), (seed, message, bit) => {
        const signer = node.ed25519Signer(seed);
        const other = browser.ed25519Signer(seed);
        const signature = signer.sign(message);
        expect(other.publicKey).toEqual(signer.publicKey);
        expect(other.sign(message)).toEqual(signature);
        const changed = new Uint8Array(signature);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const verifiers = [node, browser].map((one) => one.ed25519Verifier(signer.publicKey));
        for (const [given, isAccepted] of [
          [signature, true],
          [changed, false],
          [signature.subarray(1), false],
          [new Uint8Array(), false],
        ] as const) {
          expect(verifiers.map((isSigned) => isSigned(message, given))).toEqual([
            isAccepted,
            isAccepted,
          ]);
        }
        // Hardly any 32 bytes are a key; one that is none signs nothing.
        const random = [node, browser].map((one) => one.ed25519Verifier(seed));
        expect(random.map((isSigned) => isSigned(message, signature))).toEqual([false, false]);
      }),
      { numRuns: 30 },
    );
  });
});
