import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryLog, sampleEntries } from './testing.js';
import { signCheckpoint } from './checkpoint.js';
import { MalformedProofFile, ProofMismatch, TransparencyLogError } from './errors.js';
import { Cosigner, NoteSigner } from './note-signer.js';
import { formatProofFile, parseProofFile, verifyProofFile } from './proof-file.js';
import { formatNote, parseNote } from './signed-note.js';
import { TreeReader } from './tree-reader.js';

const origin = 'log.example/audit';
const signer = new NoteSigner(origin, Buffer.alloc(32, 1));
const trust = { origin, verifiers: [signer.verifier] };
const log = new MemoryLog();
log.append(sampleEntries(300));
const checkpoint = signCheckpoint({ origin, size: 300, root: log.frontier.root() }, [signer]);

async function proofFileOf(index: number, extra?: Uint8Array): Promise<string> {
  const proof = await new TreeReader(300, log.readTile).inclusionProof(index);
  return formatProofFile({ index, proof, checkpoint, ...(extra && { extra }) });
}

describe('proof files', () => {
  it('have the lines of the specification in order', () => {
    // The first lines are those of the example of c2sp.org/tlog-proof, without its extra line.
    const hashes = [
      'gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=',
      'B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=',
      'EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=',
      'RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=',
      'AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=',
    ];
    const example = `c2sp.org/tlog-proof@v1\nindex 73894\n${hashes.join('\n')}\n\n${checkpoint}`;
    const read = parseProofFile(example);
    expect(read.index).toBe(73894);
    expect(read.proof.map((hash) => Buffer.from(hash).toString('base64'))).toEqual(hashes);
    expect(read.checkpoint).toBe(checkpoint);
    expect(formatProofFile(read)).toBe(example);
    const extra = Buffer.from('extra information');
    expect(formatProofFile({ ...read, extra })).toBe(
      example.replace('\nindex', '\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex'),
    );
  });

  it('prove every entry of a log, given only its key', async () => {
    for (const [index, entry] of log.entries.entries()) {
      const verified = verifyProofFile(await proofFileOf(index), entry, trust);
      expect(verified.index).toBe(index);
      expect(verified.checkpoint.size).toBe(300);
    }
  });

  it('report the cosignatures of trusted witnesses only', async () => {
    const witness = new Cosigner('witness.example/w1', Buffer.alloc(32, 2));
    const { text, signatures } = parseNote(checkpoint);
    const cosigned = formatNote(text, [...signatures, witness.cosign(text, 1_700_000_000)]);
    const file = formatProofFile({ ...parseProofFile(await proofFileOf(7)), checkpoint: cosigned });
    const entry = log.entries[7] ?? Buffer.alloc(0);
    expect(verifyProofFile(file, entry, trust).cosignatures).toEqual([]);
    const verifiers = [...trust.verifiers, witness.verifier];
    expect(verifyProofFile(file, entry, { origin, verifiers }).cosignatures).toEqual([
      { name: 'witness.example/w1', timestampSeconds: 1_700_000_000 },
    ]);
  });

  it('do not prove another entry', async () => {
    const file = await proofFileOf(7);
    for (const [index, entry] of log.entries.entries()) {
      if (index !== 7) {
        expect(() => verifyProofFile(file, entry, trust)).toThrow(ProofMismatch);
      }
    }
  });

  it('are rejected after any bit is changed', async () => {
    const file = Buffer.from(await proofFileOf(258));
    const entry = log.entries[258] ?? Buffer.alloc(0);
    for (let bit = 0; bit < file.length * 8; bit += 1) {
      const changed = Buffer.from(file);
      const at = Math.floor(bit / 8);
      changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8));
      expect(() => verifyProofFile(changed.toString(), entry, trust)).toThrow(TransparencyLogError);
    }
  });

  it('have exactly one accepted form', async () => {
    const file = await proofFileOf(258, Buffer.from('x'));
    const hashLine = parseProofFile(file).proof.map((hash) =>
      Buffer.from(hash).toString('base64'),
    )[0];
    const hostile = [
      '',
      file.replace('@v1', '@v2'),
      file.replace('c2sp.org/tlog-proof@v1\n', ''),
      file.replace('extra eA==', 'extra eA='),
      file.replace('extra eA==', 'extra '),
      file.replace('extra eA==', 'extra eB=='),
      file.replace('extra eA==', 'extra eA==\nextra eA=='),
      file.replace('index 258', 'index 0258'),
      file.replace('index 258', 'index -258'),
      file.replace('index 258', 'index 258 '),
      file.replace('index 258', 'index 9007199254740993'),
      file.replace('index 258\n', ''),
      file.replace('\n', '\r\n'),
      file.replace(hashLine ?? '?', ` ${hashLine ?? ''}`),
      file.replace(hashLine ?? '?', 'AAAA'),
      file.replace('index 258\n', `index 258\n${`${hashLine ?? ''}\n`.repeat(64)}`),
      file.slice(0, file.indexOf('\n\n')),
    ];
    for (const text of hostile) {
      expect(() => parseProofFile(text), JSON.stringify(text)).toThrow(MalformedProofFile);
    }
    expect(() => parseProofFile(file.trimEnd())).toThrow(TransparencyLogError);
    expect(() => parseProofFile(`${file}\n`)).toThrow(TransparencyLogError);
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 4 }), fc.string(), (from, length, inserted) => {
        const at = from % file.length;
        const changed = file.slice(0, at) + inserted + file.slice(at + length);
        try {
          expect(formatProofFile(parseProofFile(changed))).toBe(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(TransparencyLogError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
