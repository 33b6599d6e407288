import { glob, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const sources = fileURLToPath(new URL('../', import.meta.url));

describe('the OpenAPI document', () => {
  // Of two schemas with one id, the document shows one at both places.
  it('has an id of its own for each schema', async () => {
    const ids: string[] = [];
    for await (const file of glob('**/*.ts', { cwd: sources })) {
      const text = await readFile(`${sources}${file}`, 'utf8');
      for (const [, id] of text.matchAll(/\.meta\(\{\s*id: '(\w+)'/g)) ids.push(id ?? '');
    }
    expect(ids.length).toBeGreaterThan(20);
    expect(ids.toSorted()).toEqual([...new Set(ids)].sort());
  });
});
