import { describe, expect, it } from 'vitest';
import { emptyRoot } from './hashing.js';
import { formatCheckpoint } from './checkpoint.js';
import { Cosigner, NoteSigner } from './note-signer.js';
import { formatNote } from './signed-note.js';
import { WITNESSED_CHECKPOINT } from './testing/vectors.js';
import { WitnessPolicy } from './witness-policy.js';

const text = formatCheckpoint({ origin: 'log.example', size: 0, root: emptyRoot() });
const log = new NoteSigner('log.example', Buffer.alloc(32, 9));
const names = ['x1', 'x2', 'x3', 'y1'] as const;
const cosigners = names.map(
  (name, nth) => new Cosigner(`${name}.example`, Buffer.alloc(32, nth + 1)),
);
const lines = names.map((name, nth) => `witness ${name} ${cosigners[nth]?.verifier.toString()}`);
const policyText = [
  '# comment',
  `log ${log.verifier.toString()} https://log.example/`,
  ...lines.slice(0, 3),
  `\t${lines[3]}  https://y1.example/witness `,
  'group X 2 x1 x2 x3',
  'group X-and-Y all X y1',
  'quorum X-and-Y',
  '',
].join('\n');

function noteOf(...who: number[]): string {
  const signatures = who.flatMap((nth) => cosigners[nth]?.cosign(text, 1_000 + nth) ?? []);
  return formatNote(text, [log.sign(text), ...signatures]);
}

describe('a witness policy', () => {
  it('requires the quorum of its groups, and names who cosigned when', () => {
    const policy = WitnessPolicy.parse(policyText);
    const isMet = (...who: number[]): boolean => policy.isMet(policy.cosignatures(noteOf(...who)));
    expect([isMet(0, 1, 3), isMet(1, 2, 3), isMet(0, 1, 2, 3)]).toEqual([true, true, true]);
    expect([isMet(), isMet(0, 1), isMet(0, 3), isMet(0, 1, 2)]).toEqual(Array(4).fill(false));
    expect(
      policy.cosignatures(noteOf(3, 1)).map(({ witness, timestampSeconds }) => ({
        name: witness.name,
        timestampSeconds,
      })),
    ).toEqual([
      { name: 'x2', timestampSeconds: 1_001 },
      { name: 'y1', timestampSeconds: 1_003 },
    ]);
    expect(policy.logs[0]?.name).toBe('log.example');
    expect(policy.witnesses[3]?.url).toBe('https://y1.example/witness');
  });

  it('counts no cosignature of another text, of another key or twice', () => {
    const policy = WitnessPolicy.parse(`${lines[0]}\n${lines[1]}\ngroup all 2 x1 x2\nquorum all\n`);
    const [first, second] = cosigners;
    const elsewhere = second?.cosign(text.replace('0\n', '1\n'), 7);
    const forged = new Cosigner('x2.example', Buffer.alloc(32, 77)).cosign(text, 7);
    for (const other of [elsewhere, forged, first?.cosign(text, 8)]) {
      const signatures = [first?.cosign(text, 7), other].filter((one) => one !== undefined);
      const cosignatures = policy.cosignatures(formatNote(text, signatures));
      expect(cosignatures.map(({ witness }) => witness.name)).toEqual(['x1']);
      expect(policy.isMet(cosignatures)).toBe(false);
    }
  });

  it('reads the cosignatures of public witnesses', () => {
    const { note, witnessKeys, cosignedAt } = WITNESSED_CHECKPOINT;
    const witnesses = witnessKeys.map((key, nth) => `witness w${nth} ${key}`);
    const policy = WitnessPolicy.parse(
      `${witnesses.join('\n')}\ngroup g all w0 w1 w2 w3\nquorum g\n`,
    );
    const cosignatures = policy.cosignatures(note);
    expect(cosignatures.map(({ timestampSeconds }) => timestampSeconds)).toEqual(
      Array(4).fill(cosignedAt),
    );
    expect(policy.isMet(cosignatures)).toBe(true);
  });

  it('is written as a file without addresses that requires the same', () => {
    const policy = WitnessPolicy.parse(policyText);
    const written = WitnessPolicy.parse(policy.toString());
    expect(policy.toString()).not.toContain('https:');
    expect(written.toString()).toBe(policy.toString());
    for (const who of [[], [0, 1], [0, 1, 3], [0, 1, 2], [1, 2, 3]]) {
      const note = noteOf(...who);
      expect(written.isMet(written.cosignatures(note))).toBe(
        policy.isMet(policy.cosignatures(note)),
      );
    }
  });

  it('needs no witness when it says so', () => {
    expect(WitnessPolicy.parse('quorum none').isMet([])).toBe(true);
  });

  const [first = '', second = ''] = lines;
  it.each([
    ['', 'there is no quorum line'],
    [`${first}\nquorum x1\nquorum x1`, 'line 3'],
    ['quorum x1', 'line 1: a name is not defined above'],
    [`quorum x1\n${first}`, 'line 1'],
    [`${first}\n${first}\nquorum x1`, 'line 2: a name is defined once'],
    [`${first}\n${first.replace('x1', 'other')}\nquorum x1`, 'line 2: the key of the witness'],
    [`${first.replace('x1', 'none')}\nquorum none`, 'line 1'],
    [`witness x1 ${log.verifier.toString()}\nquorum x1`, 'line 1: the key is not one of a witness'],
    [
      `log ${cosigners[0]?.verifier.toString()}\nquorum none`,
      'line 1: the key is not one of a log',
    ],
    [`${first}\ngroup g 2 x1\nquorum g`, 'line 2: the number of a group'],
    [`${first}\ngroup g 0 x1\nquorum g`, 'line 2'],
    [`${first}\ngroup g any\nquorum g`, 'line 2'],
    [`${first}\n${second}\ngroup g any x1 x1\nquorum g`, 'line 3: a name is a member'],
    [`${first}\ngroup g any none\nquorum g`, 'line 2'],
    [`${first}\ngroup g any g\nquorum g`, 'line 2'],
    [`${first} url more\nquorum x1`, 'line 1'],
    [`${first}\r\nquorum x1`, 'line 1: control characters'],
    ['witnesses x1\nquorum none', 'line 1: a line begins with'],
  ])('refuses %j and names the fault', (policy, fault) => {
    expect(() => WitnessPolicy.parse(policy)).toThrow(fault);
  });
});
