import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../apps/api/src/create-api.js';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { anchorsOf, linksOf } from '../support/markdown.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

async function pages(...patterns: string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const file of glob(patterns, { cwd: root })) {
    found.set(file, await readFile(join(root, file), 'utf8'));
  }
  return found;
}

describe('the pages', () => {
  it('link only to files and headings that exist', async () => {
    const all = await pages(
      '*.md',
      '{docs,bench}/**/*.md',
      '{apps,libs,examples}/*/README.md',
      'apps/*/src/**/*.md',
    );
    expect(all.size).toBeGreaterThan(60);
    for (const [file, text] of all) {
      for (const target of linksOf(text)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const linked = path === '' ? file : join(dirname(file), path);
        expect(existsSync(join(root, linked)), `${file}: ${target}`).toBe(true);
        if (anchor === undefined) continue;
        const headings = anchorsOf(await readFile(join(root, linked), 'utf8'));
        expect(headings, `${file}: ${target}`).toContain(anchor);
      }
    }
  });
});

describe('docs/problems', () => {
  it('answers the same four questions on each page', async () => {
    const problems = await pages('docs/problems/*.md');
    const index = problems.get('docs/problems/README.md') ?? '';
    for (const [file, text] of problems) {
      if (file.endsWith('README.md')) continue;
      const code = /([a-z-]+)\.md$/.exec(file)?.[1] ?? '';
      expect(text, file).toMatch(
        new RegExp(
          `^# .+\\n\\n\`urn:acs-identity:problem:${code}\` · status \\d{3}\\n\\n` +
            '\\*\\*Meaning\\.\\*\\* .+\\n\\n\\*\\*Responsible\\.\\*\\* .+\\n\\n' +
            '\\*\\*What to do\\.\\*\\* .+\\n\\n\\*\\*Retry\\.\\*\\* .+\\n$',
        ),
      );
      const status = /status (\d{3})/.exec(text)?.[1] ?? '';
      expect(index, file).toMatch(new RegExp(`^\\| ${status} +\\| \\[${code}\\]`, 'm'));
    }
  });
});

describe('docs/metrics.md', () => {
  it('lists every metric that the api registers, with its type, and no other', async () => {
    const app = await createApi(placeholderEnvironment);
    const metrics = await app.get(Registry).getMetricsAsJSON();
    await app.close();
    const page = await readFile(join(root, 'docs/metrics.md'), 'utf8');
    const listed = [...page.matchAll(/^\| (`[^|]+`) +\| (\w+)?/gm)].flatMap(
      ([, names = '', type = '']) =>
        [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, type] as const),
    );
    expect(listed.map(([name]) => name).toSorted()).toEqual(
      metrics.map(({ name }) => name).toSorted(),
    );
    for (const [name, type] of listed) {
      if (/^(process|nodejs)_/.test(name)) continue; // named together, without their types
      const registered = metrics.find((metric) => metric.name === name)?.type;
      expect(String(registered), name).toBe(type);
    }
  });
});
