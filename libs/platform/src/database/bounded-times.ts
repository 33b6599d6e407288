import pg, { type CustomTypesConfig } from 'pg';

type Parser = (text: string) => unknown;

const TIMESTAMPTZ: number = pg.types.builtins.TIMESTAMPTZ;
const parserOf = pg.types.getTypeParser as (oid: number, format?: 'text' | 'binary') => Parser; // its types say any
const EARLIEST = new Date('0001-01-01T00:00:00.000Z');
const LATEST = new Date('9999-12-31T23:59:59.999Z');

/**
 * pg's types, with times that RFC 3339 can write: infinity and others before the year 1 or after 9999 are
 * read as its first or last one. pg gives numbers for infinity and invalid dates for times beyond
 * JavaScript's, which only somebody writes who edits rows, and which must not end a read.
 */
export const typesWithBoundedTimes: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary'): Parser =>
    oid === TIMESTAMPTZ && format !== 'binary' ? boundedTime : parserOf(oid, format),
};

/** @throws Error for a time in another style than ISO, so that it is never read as another time */
function boundedTime(text: string): Date {
  const time = parserOf(TIMESTAMPTZ)(text);
  if (time === null) throw new Error(`the database writes a time that is not ISO: ${text}`);
  const ms = Number(time);
  if (ms < EARLIEST.getTime()) return new Date(EARLIEST);
  return ms <= LATEST.getTime() ? new Date(ms) : new Date(LATEST); // also of an invalid date
}
