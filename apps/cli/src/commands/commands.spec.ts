import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

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
