import { describe, expect, it } from 'vitest';
import { formatAddCheckpoint, parseAddCheckpoint } from './add-checkpoint.js';
import { MalformedAddCheckpoint, TransparencyLogError } from './errors.js';
import { SPEC_CHECKPOINT } from './testing/vectors.js';

const { note: checkpoint } = SPEC_CHECKPOINT;
const hash = (nth: number): Buffer => Buffer.alloc(32, nth);
/** Four lines of the form that C2SP tlog-witness shows. */
const body = `old 20852014\n${[1, 2, 3, 4].map((nth) => `${hash(nth).toString('base64')}\n`).join('')}\n${checkpoint}`;

describe('a request to cosign', () => {
  it('has the old size, the proof and the checkpoint, each on its lines', () => {
    const request = { oldSize: 20_852_014, proof: [1, 2, 3, 4].map(hash), checkpoint };
    expect(formatAddCheckpoint(request)).toBe(body);
    const parsed = parseAddCheckpoint(body);
    expect({ ...parsed, proof: parsed.proof.map((one) => Buffer.from(one)) }).toEqual(request);
    const first = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint });
    expect(first.startsWith('old 0\n\n')).toBe(true);
    expect(parseAddCheckpoint(first)).toEqual({ oldSize: 0, proof: [], checkpoint });
  });

  it.each([
    ['no blank line', 'old 1\n'],
    ['a size with a zero in front', body.replace('old 2', 'old 02')],
    ['a negative size', body.replace('old 2', 'old -2')],
    ['another word', body.replace('old ', 'size ')],
    ['two spaces', body.replace('old ', 'old  ')],
    ['a short hash', body.replace('AQEB', '')],
    ['a line that is no base64', body.replace('AQEB', 'AQ*B')],
    ['a carriage return', body.replace('\n', '\r\n')],
    ['64 hashes', `old 1\n${`${hash(1).toString('base64')}\n`.repeat(64)}\n${checkpoint}`],
    ['no signature', 'old 0\n\nlog\n0\n'],
  ])('is refused with %s', (_what, malformed) => {
    expect(() => parseAddCheckpoint(malformed)).toThrow(TransparencyLogError);
  });

  it('takes 63 hashes, which a tree of any size needs at most', () => {
    const proof = Array.from({ length: 63 }, (_, nth) => hash(nth));
    expect(
      parseAddCheckpoint(formatAddCheckpoint({ oldSize: 1, proof, checkpoint })).proof,
    ).toHaveLength(63);
    expect(() =>
      formatAddCheckpoint({ oldSize: 1, proof: [...proof, hash(64)], checkpoint }),
    ).toThrow(MalformedAddCheckpoint);
  });
});
