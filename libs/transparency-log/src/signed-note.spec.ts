import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GO_NOTE } from './testing.js';
import {
  InvalidKey,
  InvalidSignature,
  MalformedNote,
  TransparencyLogError,
  UnverifiedNote,
} from './errors.js';
import { NoteSigner } from './note-signer.js';
import { NoteVerifier } from './note-verifier.js';
import { formatNote, MAX_NOTE_BYTES, openNote, parseNote, signNote } from './signed-note.js';

const oldKey = new NoteSigner('log.example/audit', Buffer.alloc(32, 1));
const newKey = new NoteSigner('log.example/audit', Buffer.alloc(32, 2));
const stranger = new NoteSigner('elsewhere.example', Buffer.alloc(32, 3));
const text = 'a text\n\nof two paragraphs, ed è subito sera\n';

describe('NoteVerifier', () => {
  it('rejects a verifier key with any character missing or changed', () => {
    const key = GO_NOTE.verifierKey;
    for (let at = 0; at < key.length; at += 1) {
      const character = key.charCodeAt(at);
      const changed = key.slice(0, at) + String.fromCharCode(character ^ 1) + key.slice(at + 1);
      expect(() => NoteVerifier.parse(key.slice(0, at) + key.slice(at + 1))).toThrow(InvalidKey);
      expect(() => NoteVerifier.parse(changed), changed).toThrow(InvalidKey);
      expect(() => NoteVerifier.parse(key.slice(at + 1))).toThrow(InvalidKey);
    }
  });

  it('rejects keys of other types and lengths, and names that are not valid in a signature line', () => {
    const spelled = NoteVerifier.parse(GO_NOTE.verifierKey).toString();
    expect(() => NoteVerifier.parse(`${spelled}BADKEY==`)).toThrow(InvalidKey);
    expect(() =>
      NoteVerifier.parse('PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'),
    ).toThrow(InvalidKey);
    for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u0085b', 'a\u3000b', 'a\u0000', '\ud800']) {
      expect(() => new NoteSigner(name, Buffer.alloc(32)), JSON.stringify(name)).toThrow(
        InvalidKey,
      );
    }
    expect(() => new NoteSigner('a', Buffer.alloc(31))).toThrow(InvalidKey);
    expect(() => new NoteVerifier('ed25519', 'a', Buffer.alloc(33))).toThrow(InvalidKey);
  });
});

describe('NoteVerifier.verify', () => {
  it('is false for a signature that names another key, whatever its bytes are', () => {
    const { verifier } = oldKey;
    const signature = oldKey.sign(text);
    expect(verifier.verify(text, signature)).toBe(true);
    expect(verifier.verify(text, { ...signature, name: 'elsewhere.example' })).toBe(false);
    expect(verifier.verify(text, { ...signature, keyId: newKey.verifier.keyId })).toBe(false);
  });
});

describe('signed notes', () => {
  it('open with the old key alone and with the new key alone during a key rotation', () => {
    const note = signNote(text, [oldKey, newKey]);
    for (const signer of [oldKey, newKey]) {
      const opened = openNote(note, [signer.verifier]);
      expect(opened.text).toBe(text);
      expect(opened.verified.map(({ verifier }) => verifier)).toEqual([signer.verifier]);
    }
    expect(openNote(note, [newKey.verifier, oldKey.verifier]).verified).toHaveLength(2);
  });

  it('ignore signatures of unknown keys, even under a known name', () => {
    const note = signNote(text, [stranger, newKey, oldKey]);
    expect(openNote(note, [oldKey.verifier]).verified).toHaveLength(1);
  });

  it('are rejected when no trusted key signed', () => {
    const note = signNote(text, [stranger, newKey]);
    expect(() => openNote(note, [oldKey.verifier])).toThrow(UnverifiedNote);
    expect(() => openNote(note, [])).toThrow(UnverifiedNote);
  });

  it('are rejected for one forged signature of a trusted key, even if another trusted key signed', () => {
    const forged = { ...oldKey.sign(text), signature: Buffer.alloc(64) };
    const note = formatNote(text, [newKey.sign(text), forged]);
    expect(() => openNote(note, [newKey.verifier, oldKey.verifier])).toThrow(InvalidSignature);
    expect(openNote(note, [newKey.verifier]).verified).toHaveLength(1);
  });

  it('are rejected after any bit is changed', () => {
    const note = Buffer.from(signNote(text, [oldKey]));
    for (let bit = 0; bit < note.length * 8; bit += 1) {
      const changed = Buffer.from(note);
      const at = Math.floor(bit / 8);
      changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8));
      expect(() => openNote(changed, [oldKey.verifier])).toThrow(TransparencyLogError);
    }
  });

  it('have exactly one accepted form', () => {
    const line = signNote('x\n', [oldKey]).slice(3);
    const hostile = [
      '',
      '\n',
      '\n\n',
      'x\n',
      'x\n\n',
      `x\n${line}`,
      `x\n\n\n`,
      `x\n\n${line}\n`,
      `x\n\n${line.trimEnd()}`,
      `x\n\n${line} `,
      `x\r\n\r\n${line}`,
      `x\u0000\n\n${line}`,
      `x\t\n\n${line}`,
      `x\ud800\n\n${line}`,
      `x\n\n${line.replace('\u2014', '-')}`,
      `x\n\n${line.replace(' ', '  ')}`,
      `x\n\n${line.replace('log', 'l+g')}`,
      `x\n\n${line.replace('=', '')}`,
      `x\n\n\u2014 name AAAAAA==\n`,
      `x\n\n\u2014 name\n`,
    ];
    for (const note of hostile) {
      expect(() => parseNote(note), JSON.stringify(note)).toThrow(MalformedNote);
    }
    expect(() => parseNote(Buffer.from([0x78, 0xff, 0x0a]))).toThrow(MalformedNote);
    expect(() => signNote('no newline', [oldKey])).toThrow(MalformedNote);
    expect(() => signNote('text\n', [])).toThrow(MalformedNote);
  });

  it('are rejected beyond 1 MiB or 100 signatures, and accepted with 100', () => {
    const signature = oldKey.sign('x\n');
    const many = formatNote('x\n', Array<typeof signature>(100).fill(signature));
    expect(openNote(many, [oldKey.verifier]).verified).toHaveLength(100);
    const line = signNote('x\n', [oldKey]).slice(3);
    expect(() => parseNote(many + line)).toThrow(MalformedNote);
    const large = 'x'.repeat(MAX_NOTE_BYTES);
    expect(() => parseNote(`${large}\n\n${line}`)).toThrow(MalformedNote);
    expect(() => parseNote(Buffer.from(`${large}\n\n${line}`))).toThrow(MalformedNote);
  });

  it('are read from bytes as they are: no byte is replaced and none is skipped', () => {
    const bytes = Buffer.from(signNote(text, [oldKey]));
    expect(openNote(bytes, [oldKey.verifier]).text).toBe(text);
    const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    expect(() => openNote(marked, [oldKey.verifier])).toThrow(InvalidSignature);
    // A decoder that replaces what is not UTF-8 would give the signed text.
    const replaced = Buffer.from(signNote('x\ufffd\n', [oldKey]));
    expect(openNote(replaced, [oldKey.verifier]).text).toBe('x\ufffd\n');
    const invalid = Buffer.concat([Buffer.from([0x78, 0xff]), replaced.subarray(4)]);
    expect(() => openNote(invalid, [oldKey.verifier])).toThrow(MalformedNote);
  });

  it('are accepted up to exactly 1 MiB', () => {
    const line = signNote('x\n', [oldKey]).slice(3);
    const largest = `${'x'.repeat(MAX_NOTE_BYTES - 2 - Buffer.byteLength(line))}\n\n${line}`;
    expect(Buffer.byteLength(largest)).toBe(MAX_NOTE_BYTES);
    for (const note of [largest, Buffer.from(largest)]) expect(parseNote(note).text).toContain('x');
    for (const note of [`x${largest}`, Buffer.from(`x${largest}`)]) {
      expect(() => parseNote(note)).toThrow(MalformedNote);
    }
  });

  it('are not made of a text whose last line would be read as a signature', () => {
    const ending = 'x\n\n\u2014 name AAAAAAA=';
    expect(() => formatNote(ending, [oldKey.sign('x\n')])).toThrow(MalformedNote);
  });

  it('are either rejected or formatted to the same text', () => {
    const piece = fc.constantFrom('\n', ' ', '\u2014 ', 'name', 'AAAAAAA=', '+', '\u2028', 'x');
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const note = pieces.join('');
        try {
          const read = parseNote(note);
          expect(formatNote(read.text, read.signatures)).toBe(note);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedNote);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
