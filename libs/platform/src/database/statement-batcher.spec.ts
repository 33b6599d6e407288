import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StatementBatcher } from './statement-batcher.js';

/** A statement that the test answers. */
interface Statement {
  readonly requests: readonly number[];
  readonly answer: () => void;
  readonly fail: () => void;
}

function start() {
  const statements: Statement[] = [];
  const batcher = new StatementBatcher<number, string>(async (requests) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    statements.push({
      requests,
      answer: () => {
        resolve(requests.map(String));
      },
      fail: () => {
        reject(new Error('no database'));
      },
    });
    return promise;
  });
  const ask = async (from: number, count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, async (_, n) => batcher.answer(from + n)));
  return { statements, ask };
}

describe('StatementBatcher', () => {
  it('answers requests of one moment with one statement, and few later ones with the next', async () => {
    const { statements, ask } = start();
    const first = ask(0, 3);
    await setImmediate();
    const later = [ask(3, 2), ask(5, 13)];
    for (let n = 0; n < 3; n += 1) await setImmediate();
    expect(statements.map(({ requests }) => requests)).toEqual([[0, 1, 2]]);
    statements[0]?.answer();
    expect(await first).toEqual(['0', '1', '2']);
    await expect.poll(() => statements.length).toBe(2);
    statements[1]?.answer();
    expect((await Promise.all(later)).flat()).toEqual(
      Array.from({ length: 15 }, (_, n) => `${n + 3}`),
    );
  });

  it('starts another statement beside one that is slow for many requests, and no third', async () => {
    const { statements, ask } = start();
    const all = [ask(0, 1)];
    await setImmediate();
    all.push(ask(1, 16));
    await expect.poll(() => statements.length).toBe(2);
    all.push(ask(17, 300));
    for (let n = 0; n < 3; n += 1) await setImmediate();
    expect(statements).toHaveLength(2);
    statements[1]?.answer();
    await expect.poll(() => statements.length).toBe(3);
    expect(statements[2]?.requests).toHaveLength(256);
    statements[2]?.answer();
    await expect.poll(() => statements.length).toBe(4);
    for (const { answer } of statements) answer();
    expect((await Promise.all(all)).flat()).toEqual(Array.from({ length: 317 }, (_, n) => `${n}`));
  });

  it('fails only the requests of a statement that fails, and answers those that waited for it', async () => {
    const { statements, ask } = start();
    const failing = expect(ask(0, 2)).rejects.toThrow('no database');
    await setImmediate();
    const waiting = ask(2, 1);
    statements[0]?.fail();
    await failing;
    await expect.poll(() => statements.length).toBe(2);
    statements[1]?.answer();
    expect(await waiting).toEqual(['2']);
  });
});
