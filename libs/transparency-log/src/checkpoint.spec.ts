import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GO_CHECKSUM_CHECKPOINT } from './testing.js';
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.js';
import {
  BeyondRetirement,
  InvalidSignature,
  MalformedCheckpoint,
  OriginMismatch,
  UnverifiedNote,
} from './errors.js';
import { emptyRoot, hashLeaf } from './hashing.js';
import { Cosigner, NoteSigner } from './note-signer.js';
import { cosignedMessage, NoteVerifier } from './note-verifier.js';
import { formatNote } from './signed-note.js';

const origin = 'log.example/audit';
const root = Buffer.from(hashLeaf(Buffer.from('one')));
const logKey = new NoteSigner(origin, Buffer.alloc(32, 1));
const witness = new Cosigner('witness.example/w1', Buffer.alloc(32, 2));

describe('checkpoints', () => {
  it('open for the requested origin only, whatever the name of the key', () => {
    const verifiers = [NoteVerifier.parse(GO_CHECKSUM_CHECKPOINT.verifierKey)];
    const { note, size } = GO_CHECKSUM_CHECKPOINT;
    const opened = openCheckpoint(note, { origin: 'go.sum database tree', verifiers });
    expect(opened.checkpoint.size).toBe(size);
    expect(() => openCheckpoint(note, { origin: 'sum.golang.org', verifiers })).toThrow(
      OriginMismatch,
    );
  });

  it('open for the earlier name of the log, which is that of a retired key, up to its size', () => {
    const earlier = new NoteSigner('log.example/before', Buffer.alloc(32, 1));
    const signed = (name: string, size: number): string =>
      signCheckpoint({ origin: name, size, root }, [earlier]);
    const trust = {
      origin,
      verifiers: [logKey.verifier],
      retired: [{ verifier: earlier.verifier, untilSize: 5 }],
    };
    expect(openCheckpoint(signed('log.example/before', 5), trust).checkpoint.size).toBe(5);
    expect(() => openCheckpoint(signed('log.example/before', 6), trust)).toThrow(
      new BeyondRetirement(6, 5),
    );
    expect(() => openCheckpoint(signed('log.example/other', 5), trust)).toThrow(OriginMismatch);
  });

  it('are parsed to what was formatted', () => {
    const line = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !text.includes('\n'));
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(line, fc.maxSafeNat(), hash, fc.array(line), (name, size, bytes, extensions) => {
        const checkpoint = {
          origin: name,
          size,
          root: size === 0 ? emptyRoot() : bytes,
          extensions,
        };
        const { root: readRoot, ...read } = parseCheckpoint(formatCheckpoint(checkpoint));
        expect({ extensions: [], ...read }).toEqual({ origin: name, size, extensions });
        expect(Buffer.compare(readRoot, checkpoint.root)).toBe(0);
      }),
    );
  });

  it('have exactly one accepted form', () => {
    const good = root.toString('base64');
    const unpadded = good.replace('=', '');
    const hostile = [
      '',
      '\n\n\n',
      `o\n1\n`,
      `o\n1\n${good}`,
      `o\n1\n${good}\nextension`,
      `\n1\n${good}\n`,
      `o\n01\n${good}\n`,
      `o\n+1\n${good}\n`,
      `o\n-1\n${good}\n`,
      `o\n1.0\n${good}\n`,
      `o\n1e3\n${good}\n`,
      `o\n 1\n${good}\n`,
      `o\n0x1\n${good}\n`,
      `o\n\u0661\n${good}\n`,
      `o\n9007199254740992\n${good}\n`,
      `o\n99999999999999999999\n${good}\n`,
      `o\n1\n${unpadded}\n`,
      `o\n1\n${good} \n`,
      `o\n1\n${good.replace(/.=$/, '9=')}\n`,
      `o\n1\n${root.toString('base64url')}\n`,
      `o\n1\n${root.subarray(1).toString('base64')}\n`,
      `o\n1\n${root.toString('hex')}\n`,
      `o\n1\n${good}\n\n`,
      `o\n1\n${good}\next\n\n`,
      `o\n0\n${good}\n`,
      `o\r\n1\r\n${good}\r\n`,
    ];
    for (const text of hostile) {
      expect(() => parseCheckpoint(text), JSON.stringify(text)).toThrow(MalformedCheckpoint);
    }
    for (const bad of [
      { origin: '', size: 1, root },
      { origin: 'a\nb', size: 1, root },
      { origin, size: 1.5, root },
      { origin, size: -1, root },
      { origin, size: 1, root: root.subarray(1) },
      { origin, size: 1, root, extensions: [''] },
      { origin, size: 1, root, extensions: ['a\nb'] },
    ]) {
      expect(() => formatCheckpoint(bad)).toThrow(MalformedCheckpoint);
    }
  });
});

describe('cosignatures', () => {
  const text = formatCheckpoint({ origin, size: 1, root });
  const verifiers = [logKey.verifier, witness.verifier];

  it('are reported beside the signature of the log', () => {
    const note = formatNote(text, [logKey.sign(text), witness.cosign(text, 1_700_000_000)]);
    expect(openCheckpoint(note, { origin, verifiers })).toEqual({
      checkpoint: { origin, size: 1, root: new Uint8Array(root) },
      cosignatures: [{ name: 'witness.example/w1', timestampSeconds: 1_700_000_000 }],
    });
    const readBack = NoteVerifier.parse(witness.verifier.toString());
    expect(readBack.kind).toBe('cosignature');
    expect(readBack.keyId).toBe(witness.verifier.keyId);
  });

  it('do not replace the signature of the log', () => {
    const note = formatNote(text, [witness.cosign(text, 1_700_000_000)]);
    expect(() => openCheckpoint(note, { origin, verifiers })).toThrow(UnverifiedNote);
  });

  it('are rejected after any bit is changed, including the timestamp', () => {
    const good = witness.cosign(text, 1_700_000_000);
    for (let bit = 0; bit < good.signature.length * 8; bit += 1) {
      const signature = Buffer.from(good.signature);
      const at = Math.floor(bit / 8);
      signature[at] = (signature[at] ?? 0) ^ (1 << (bit % 8));
      const note = formatNote(text, [logKey.sign(text), { ...good, signature }]);
      expect(() => openCheckpoint(note, { origin, verifiers })).toThrow(InvalidSignature);
    }
    const short = { ...good, signature: good.signature.subarray(0, 7) };
    const note = formatNote(text, [logKey.sign(text), short]);
    expect(() => openCheckpoint(note, { origin, verifiers })).toThrow(InvalidSignature);
  });

  it('are rejected with a timestamp above 2^63 - 1, even when the key signed it', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const key = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
    const verifier = new NoteVerifier('cosignature', 'witness.example/w2', key);
    const { name, keyId } = verifier;
    for (const time of [-1n, 2n ** 64n - 1n]) {
      const made = sign(null, cosignedMessage(time, text), privateKey);
      const signature = Buffer.concat([Buffer.alloc(8, 0xff), made]);
      expect(verifier.verify(text, { name, keyId, signature })).toBe(false);
    }
  });

  it('differ in key id from log signatures of the same key', () => {
    const sameKey = new NoteSigner('witness.example/w1', Buffer.alloc(32, 2));
    expect(sameKey.verifier.keyId).not.toBe(witness.verifier.keyId);
    const note = signCheckpoint({ origin, size: 1, root }, [sameKey]);
    expect(() => openCheckpoint(note, { origin, verifiers: [witness.verifier] })).toThrow(
      UnverifiedNote,
    );
  });
});
