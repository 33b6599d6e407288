import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { TimeSlices } from '#libs/platform';

/** Shorter lists are sent as one document. */
const MIN_ITEMS = 50;
const PIECE_CHARACTERS = 32 * 1024;

/**
 * Sends an object with a long list piece by piece, no faster than the client reads. To convert it to
 * text at once would hold the event loop, and keep the text twice in memory.
 */
export function inPieces(body: unknown): unknown {
  if (!isPlainObject(body) || !Object.values(body).some(isLongList)) return body;
  const text = Readable.from(piecesOf(body), { objectMode: false });
  return new StreamableFile(text, { type: 'application/json; charset=utf-8' });
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

function isLongList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length >= MIN_ITEMS;
}

async function* piecesOf(body: Readonly<Record<string, unknown>>): AsyncGenerator<string> {
  const slices = new TimeSlices();
  let piece = '{';
  const members = Object.entries(body).filter(([, value]) => value !== undefined);
  for (const [nth, [name, value]] of members.entries()) {
    piece += `${nth === 0 ? '' : ','}${JSON.stringify(name)}:`;
    if (!isLongList(value)) {
      piece += JSON.stringify(value);
      continue;
    }
    for (const [place, item] of value.entries()) {
      if (slices.isOver) await slices.next();
      piece += `${place === 0 ? '[' : ','}${JSON.stringify(item ?? null)}`;
      if (piece.length < PIECE_CHARACTERS) continue;
      yield piece;
      piece = '';
    }
    piece += ']';
  }
  yield `${piece}}`;
}
