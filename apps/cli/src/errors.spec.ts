import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { InvalidSettings } from '#libs/platform';
import { EX_CONFIG, exitCodeFor, explain } from './errors.js';

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
}

describe('explain', () => {
  it('names the server that refused a connection, however deep the cause lies', async () => {
    const refused = await failureOf(once(connect(1, '127.0.0.1'), 'connect'));
    const wrapped = new Error('nothing was recorded', { cause: new AggregateError([refused]) });
    for (const error of [refused, wrapped]) {
      expect(explain(error)).toBe(
        '127.0.0.1:1 refused the connection: check the address, and that the server runs.',
      );
    }
  });

  it('shows what was being done where the failed connection does not say with whom', () => {
    const cause = Object.assign(new Error('RestError ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(explain(new Error('A key could not be read.', { cause }))).toBe(
      'A key could not be read.\nCause: the server refused the connection: check the address, and that the server runs.',
    );
  });

  it('names the file that does not exist', async () => {
    expect(explain(await failureOf(readFile('/no/such/file')))).toBe(
      '/no/such/file does not exist.',
    );
  });

  it('adds the innermost cause to any other error', () => {
    const error = new Error('outer', { cause: new Error('middle', { cause: new Error('inner') }) });
    expect(explain(error)).toBe('outer\nCause: inner');
    expect(explain(new Error('alone'))).toBe('alone');
  });
});

describe('exitCodeFor', () => {
  it('is 78 for an invalid configuration, else 1', () => {
    expect(exitCodeFor(new InvalidSettings([]))).toBe(EX_CONFIG);
    expect(exitCodeFor(new Error('any other'))).toBe(1);
  });
});
