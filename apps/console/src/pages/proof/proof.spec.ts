import { describe, expect, it } from 'vitest';
import {
  Cosigner,
  formatNote,
  formatProofFile,
  hashLeaf,
  NoteSigner,
  parseNote,
  signCheckpoint,
  TreeFrontier,
  TreeReader,
  type TileReader,
  WitnessPolicy,
} from '#libs/transparency-log';
import { checkEntry, type ProvedEntry } from './check-entry.js';
import { checkLog, open } from './check-log.js';
import { checkWitnesses } from './check-witnesses.js';

const ORIGIN = 'log.example/audit';
const encoder = new TextEncoder();
const signer = new NoteSigner(ORIGIN, new Uint8Array(32).fill(1));
const keys = signer.verifier.toString();

/** A log of texts, with what a service returns of it. */
class Log {
  readonly tiles = new Map<string, Uint8Array>();
  readonly head: { readonly size: number; readonly root: Uint8Array };

  constructor(readonly texts: readonly string[]) {
    const leaves = texts.map((text) => hashLeaf(encoder.encode(text)));
    const { frontier, completedTiles } = TreeFrontier.empty().append(leaves);
    for (const { level, index, hashes } of [...completedTiles, ...frontier.partialTiles])
      this.tiles.set(`${level}/${index}`, new Uint8Array(hashes));
    this.head = { size: frontier.size, root: frontier.root() };
  }

  readonly readTile: TileReader = ({ level, index, width }) =>
    this.tiles.get(`${level}/${index}`)?.subarray(0, width * 32) ?? new Uint8Array();

  note(by = signer): string {
    return signCheckpoint({ origin: by.verifier.name, ...this.head }, [by]);
  }

  async entry(index: number): Promise<ProvedEntry> {
    const proof = await new TreeReader(this.head.size, this.readTile).inclusionProof(index);
    const file = formatProofFile({ index, proof, checkpoint: this.note() });
    return { index, canonical: this.texts[index] ?? '', proof: file };
  }
}

function texts(count: number): string[] {
  return Array.from({ length: count }, (_, nth) => `entry ${nth}`);
}

const grown = new Log(texts(700));

describe('the check of a log', () => {
  it.each([0, 1, 255, 256, 300, 512, 699, 700])(
    'finds nothing wrong with honest growth from %i entries',
    async (size) => {
      const seen = new Log(texts(size)).head;
      expect(await checkLog(grown.note(), keys, seen, grown.readTile)).toMatchObject({
        is: 'whole',
        checkpoint: { size: 700, keyId: signer.verifier.keyId },
      });
    },
  );

  it('finds a log that was rolled back, also to what it was before', async () => {
    const now = new Log(texts(300));
    expect((await checkLog(now.note(), keys, grown.head, now.readTile)).is).toBe('rolled-back');
  });

  it.each([300, 512, 700, 900])(
    'finds a fork of %i entries with valid signatures',
    async (size) => {
      const seen = new Log(texts(300)).head;
      const now = new Log(texts(size).with(17, 'another entry'));
      expect((await checkLog(now.note(), keys, seen, now.readTile)).is).toBe('forked');
    },
  );

  it('finds another key, another log, and a text that was changed after it was signed', async () => {
    const other = new NoteSigner(ORIGIN, new Uint8Array(32).fill(2));
    const foreign = new NoteSigner('log.example/other', new Uint8Array(32).fill(1));
    const check = async (note: string) =>
      (await checkLog(note, keys, undefined, grown.readTile)).is;
    expect(await check(grown.note(other))).toBe('other-key');
    expect(await check(grown.note(foreign))).toBe('other-log');
    expect(await check(grown.note().replace('\n700\n', '\n701\n'))).toBe('false-signature');
    expect(await check('nothing')).toBe('unreadable');
  });

  it('does not take tiles that were withheld or changed for a fork', async () => {
    const seen = new Log(texts(300)).head;
    for (const path of grown.tiles.keys()) {
      for (const tile of [new Uint8Array(), grown.tiles.get(path)?.map((byte) => byte ^ 1)]) {
        const read: TileReader = async (address) =>
          `${address.level}/${address.index}` === path && tile
            ? tile.subarray(0, address.width * 32)
            : grown.readTile(address);
        const { is } = await checkLog(grown.note(), keys, seen, read);
        // The tiles that no proof of this growth needs are not read.
        expect(['cut', path === '0/2' ? 'cut' : 'whole']).toContain(is);
        expect(is).not.toBe('forked');
      }
    }
  });
});

describe('the check of an entry', () => {
  const check = async (entry: ProvedEntry, now = grown) =>
    checkEntry(entry, keys, now.head, now.readTile);

  it.each([0, 255, 256, 511, 699])('follows entry %i to the root', async (index) => {
    const verdict = await check(await grown.entry(index));
    expect(verdict.is).toBe('included');
    if (verdict.is !== 'included') return;
    expect(verdict.path.at(-1)?.result).toEqual(grown.head.root);
  });

  it('takes a proof of an earlier checkpoint that the log continues', async () => {
    expect((await check(await new Log(texts(300)).entry(8))).is).toBe('included');
  });

  it('finds an entry that was edited, and the hash that the log has', async () => {
    const entry = { ...(await grown.entry(8)), canonical: 'entry eight' };
    expect(await check(entry)).toMatchObject({
      is: 'edited',
      committed: hashLeaf(encoder.encode('entry 8')),
    });
  });

  it('finds a proof without a hash, with another one, and of another entry', async () => {
    const { proof, ...entry } = await grown.entry(8);
    const lines = proof.split('\n');
    const other = (await grown.entry(9)).proof;
    for (const file of [
      lines.toSpliced(3, 1).join('\n'),
      lines.with(3, lines[4] ?? '').join('\n'),
      other,
      proof.slice(0, 80),
      '',
    ])
      expect((await check({ ...entry, proof: file })).is).toBe('cut');
  });

  it('finds a proof of another log with valid signatures, and of a larger one', async () => {
    const fork = new Log(texts(300).with(17, 'another entry'));
    expect((await check(await fork.entry(17))).is).toBe('forked');
    expect((await check(await grown.entry(8), new Log(texts(300)))).is).toBe('rolled-back');
  });
});

describe('the check of the witnesses', () => {
  const cosigners = ['a', 'b', 'c'].map(
    (name, nth) => new Cosigner(`${name}.example`, new Uint8Array(32).fill(nth + 10)),
  );
  const lines = cosigners.map(
    ({ verifier }, nth) => `witness ${'abc'.charAt(nth)} ${verifier.toString()}`,
  );
  const policy = WitnessPolicy.parse([...lines, 'group two 2 a b c', 'quorum two'].join('\n'));
  const cosigned = (log: Log, who: readonly number[], by = signer): string => {
    const { text, signatures } = parseNote(log.note(by));
    const more = who.flatMap((nth) => cosigners[nth]?.cosign(text, 1_000 + nth) ?? []);
    return formatNote(text, [...signatures, ...more]);
  };
  const check = async (
    note: string | undefined,
    log = grown,
    { readTile = log.readTile, now = 1_002_000 } = {},
  ) => {
    const opened = open(log.note(), keys);
    if (opened.is !== 'whole') throw new Error(opened.is);
    return checkWitnesses({ note, policy, now }, keys, opened.checkpoint, readTile);
  };

  it('finds the quorum, and who did not cosign', async () => {
    expect(await check(cosigned(new Log(texts(300)), [0, 2]))).toEqual({
      is: 'witnessed',
      size: 300,
      cosigned: [
        { name: 'a', at: 1_000_000 },
        { name: 'b', at: undefined },
        { name: 'c', at: 1_002_000 },
      ],
    });
    expect((await check(cosigned(grown, [1]))).is).toBe('no-quorum');
    expect((await check(undefined)).is).toBe('none');
  });

  it('takes a quorum for none when it is older than the service lets it become', async () => {
    const note = cosigned(new Log(texts(300)), [0, 2]);
    const at = (minutes: number) => ({ now: 1_000_000 + minutes * 60_000 });
    expect((await check(note, grown, at(15))).is).toBe('witnessed');
    expect(await check(note, grown, at(16))).toMatchObject({ is: 'too-old', size: 300 });
    expect((await check(cosigned(grown, [1]), grown, at(16))).is).toBe('no-quorum');
  });

  it('finds a log that the witnesses contradict: another one, and a shorter one', async () => {
    const fork = new Log(texts(300).with(17, 'another entry'));
    expect((await check(cosigned(fork, [0, 1]))).is).toBe('contradicted');
    expect((await check(cosigned(grown, [0]), new Log(texts(300)))).is).toBe('contradicted');
    expect((await check(cosigned(fork, []))).is).toBe('no-quorum');
  });

  it('believes no cosignature of a checkpoint of another key, and none that can’t be proved', async () => {
    const thief = new NoteSigner(ORIGIN, new Uint8Array(32).fill(2));
    expect((await check(cosigned(grown, [0, 1], thief))).is).toBe('unsigned');
    const changed = cosigned(new Log(texts(300)), [0, 1]).replace('\n300\n', '\n299\n');
    expect((await check(changed)).is).toBe('unsigned');
    const note = cosigned(new Log(texts(300)), [0, 1]);
    expect((await check(note, grown, { readTile: () => new Uint8Array() })).is).toBe('cut');
  });
});
