import { Window } from 'happy-dom';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashLeaf, NoteSigner, signCheckpoint, TreeFrontier } from '#libs/transparency-log';
import { checkNewest } from './check-newest.js';
import { rememberCheckpoint, seenCheckpoint } from './remembered.js';

const ORIGIN = 'log.example/audit';
const signer = new NoteSigner(ORIGIN, new Uint8Array(32).fill(1));
const keys = signer.verifier.toString();

/** The first entries of one log: as it is signed, and with the hashes of its only tile. */
function logOf(size: number) {
  const leaves = Array.from({ length: size }, (_, nth) => hashLeaf(Uint8Array.of(nth)));
  const root = TreeFrontier.empty().append(leaves).frontier.root();
  const head = { origin: ORIGIN, size, root };
  return {
    head,
    note: signCheckpoint(head, [signer]),
    hashes: leaves.flatMap((leaf) => [...leaf]),
  };
}

const tile = Uint8Array.from(logOf(200).hashes);
const readTile = ({ width }: { width: number }) => tile.subarray(0, width * 32);

/** What a service returns. @param meanwhile what happens before it has answered */
function noteOf(size: number, meanwhile?: () => void): () => Promise<string> {
  return async () => {
    meanwhile?.();
    return Promise.resolve(logOf(size).note);
  };
}

/** What another tab does when it has verified the log at a size. */
function rememberElsewhere(size: number): void {
  const { head, note } = logOf(size);
  rememberCheckpoint({ ...head, note, keyId: signer.verifier.keyId });
}

beforeEach(() => {
  vi.stubGlobal('localStorage', new Window().localStorage);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe('the check of the newest checkpoint', () => {
  it('remembers it, and the growth of the log', async () => {
    for (const size of [100, 100, 120]) {
      const { log } = await checkNewest(keys, noteOf(size), readTile);
      expect(log.is).toBe('whole');
      expect(seenCheckpoint(ORIGIN)?.size).toBe(size);
    }
  });

  it('begins again when another tab verifies a larger one while it waits for the service', async () => {
    const answers = [103, 109];
    const readNote = async () => {
      const size = answers.shift() ?? 0;
      return noteOf(size, () => {
        if (size === 103) rememberElsewhere(108);
      })();
    };
    const { seen, log } = await checkNewest(keys, readNote, readTile);
    expect(seen?.size).toBe(108);
    expect(log).toMatchObject({ is: 'whole', checkpoint: { size: 109 } });
    expect(seenCheckpoint(ORIGIN)?.size).toBe(109);
  });

  it('finds a log that was rolled back to less than another tab has verified meanwhile', async () => {
    const readNote = noteOf(103, () => {
      rememberElsewhere(108);
    });
    const { log } = await checkNewest(keys, readNote, readTile);
    expect(log.is).toBe('rolled-back');
    expect(seenCheckpoint(ORIGIN)?.size).toBe(108);
  });
});
