import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { wholeNumber, wholeNumberFrom } from './options.js';

const folder = fileURLToPath(new URL('./', import.meta.url));

describe('the definitions of the commands', () => {
  it('load no action and no library before a command runs', async () => {
    const loaded = new Set<string>();
    for await (const file of glob('*.ts', { cwd: folder })) {
      if (file.endsWith('.spec.ts')) continue;
      const text = await readFile(`${folder}${file}`, 'utf8');
      for (const [, source] of text.matchAll(/^import (?!type)[^;]*from '([^']+)'/gm)) {
        loaded.add(source ?? '');
      }
    }
    expect(loaded).toEqual(
      new Set([
        ...['commander', 'node:os', './options.js', './filter-options.js', './audit-sinks.js'],
        './audit-witness.js',
        './audit-health.js',
      ]),
    );
  });
});

describe('the number of an option', () => {
  it.each(['-5', '1.5', 'x', '', '1e3', '1234567890123456'])(
    '%o is refused with its bounds',
    (text) => {
      expect(() => wholeNumber(text)).toThrow(
        'It must be a whole number from 0 to 999999999999999.',
      );
      expect(() => wholeNumberFrom(1, 100)(text)).toThrow(
        'It must be a whole number from 1 to 100.',
      );
    },
  );

  it('is taken within its bounds', () => {
    expect([wholeNumber('0'), wholeNumberFrom(1, 100)('100')]).toEqual([0, 100]);
    expect(() => wholeNumberFrom(1, 100)('101')).toThrow('from 1 to 100.');
  });
});
