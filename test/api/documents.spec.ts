import { glob, readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { generatedDocuments } from '../../scripts/generated-documents.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('the generated documents', () => {
  it('match the code; run `npm run documents` when they do not', async () => {
    for (const [path, text] of Object.entries(await generatedDocuments())) {
      expect(await readFile(`${root}${path}`, 'utf8'), path).toBe(text);
    }
  });
});

describe('docs/openapi.json', () => {
  it('is a valid OpenAPI document', async () => {
    const result = await new Validator().validate(`${root}docs/openapi.json`);
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
  });
});

describe('docs/problems', () => {
  it('has one page for each problem type, and no other page', async () => {
    const codes = new Set<string>();
    for await (const file of glob('{apps,libs}/*/src/**/*.ts', { cwd: root })) {
      // Errors of the transparency log never reach a caller.
      if (/\.(spec|contract)\.ts$|^libs\/transparency-log\//.test(file)) continue;
      const text = await readFile(`${root}${file}`, 'utf8');
      const declarations = /(?:override readonly code(?:: \w+)? = |\bproblem\(\s*)'([a-z-]+)'/g;
      for (const [, code] of text.matchAll(declarations)) {
        if (code !== undefined) codes.add(code);
      }
    }
    const pages = (await readdir(`${root}docs/problems`))
      .filter((name) => name.endsWith('.md') && name !== 'README.md')
      .map((name) => name.slice(0, -'.md'.length));
    expect(pages.sort()).toEqual([...codes].sort());
  });
});
