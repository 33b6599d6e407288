import { Window } from 'happy-dom';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NoteSigner } from '#libs/transparency-log';
import {
  forget,
  pinKeys,
  pinnedKeys,
  pinnedPolicy,
  pinPolicy,
  rememberCheckpoint,
  seenCheckpoint,
  UnreadableMemory,
} from './remembered.js';

const ORIGIN = 'log.example/audit';
const CHECKPOINT = `console.checkpoint ${ORIGIN}`;
const LINES = new NoteSigner(ORIGIN, new Uint8Array(32).fill(1)).verifier.toString();

beforeEach(() => {
  vi.stubGlobal('localStorage', new Window().localStorage);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function remember(): void {
  pinKeys(LINES, 'person');
  pinPolicy('quorum none', 'first visit');
  const root = new Uint8Array(32).fill(7);
  rememberCheckpoint({ origin: ORIGIN, size: 9, root, note: 'a note', keyId: '' });
}

/** Reads everything that may be remembered. */
function readAll(): void {
  pinnedKeys();
  pinnedPolicy();
  seenCheckpoint(ORIGIN);
}

describe('what a browser remembers of a log', () => {
  it('is nothing at the first visit', () => {
    expect([pinnedKeys(), pinnedPolicy(), seenCheckpoint(ORIGIN)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is what was kept, until it is forgotten', () => {
    remember();
    expect(pinnedKeys()).toMatchObject({ lines: LINES, by: 'person' });
    expect(pinnedPolicy()).toMatchObject({ text: 'quorum none', by: 'first visit' });
    expect(seenCheckpoint(ORIGIN)).toMatchObject({ origin: ORIGIN, size: 9, note: 'a note' });
    forget();
    expect([pinnedKeys(), pinnedPolicy(), seenCheckpoint(ORIGIN)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('lasts until the page is closed when the browser refuses to keep it', () => {
    const refuse = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    vi.stubGlobal('localStorage', { getItem: () => null, setItem: refuse, removeItem: refuse });
    remember();
    expect(pinnedKeys()).toMatchObject({ lines: LINES });
    expect(seenCheckpoint(ORIGIN)).toMatchObject({ size: 9 });
    forget();
    expect([pinnedKeys(), pinnedPolicy(), seenCheckpoint(ORIGIN)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each(
    ['console.log-keys', 'console.witness-policy', CHECKPOINT].flatMap((name) =>
      ['', 'null', '{}', '[]', '"x"', '7', '{"lines":'].map((text) => [name, text] as const),
    ),
  )('is not taken for a first visit when %s is %j', (name, text) => {
    remember();
    localStorage.setItem(name, text);
    expect(readAll).toThrow(UnreadableMemory);
    forget();
    expect(readAll).not.toThrow();
  });

  it.each([
    ['console.log-keys', { lines: 'no key' }],
    ['console.log-keys', { lines: '' }],
    ['console.log-keys', { pinnedAt: 'yesterday' }],
    ['console.log-keys', { by: 'nobody' }],
    ['console.witness-policy', { text: 'quorum w' }],
    ['console.witness-policy', { pinnedAt: 7 }],
    [CHECKPOINT, { origin: 'other.example' }],
    [CHECKPOINT, { size: 1.5 }],
    [CHECKPOINT, { size: -1 }],
    [CHECKPOINT, { root: 'zz' }],
    [CHECKPOINT, { note: null }],
    [CHECKPOINT, { seenAt: '' }],
  ])('is not readable when %s has %j', (name, change) => {
    remember();
    const kept = JSON.parse(localStorage.getItem(name) ?? '') as object;
    localStorage.setItem(name, JSON.stringify({ ...kept, ...change }));
    expect(readAll).toThrow(name);
  });
});
