import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../apps/api/src/create-api.js';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { anchorsOf, linksOf } from '../support/markdown.js';
import { repositoryRoot } from '../support/root.js';

async function pages(...patterns: string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const file of glob(patterns, { cwd: repositoryRoot })) {
    found.set(file, await readFile(join(repositoryRoot, file), 'utf8'));
  }
  return found;
}

describe('the pages', () => {
  it('link only to files and headings that exist', async () => {
    const all = await pages(
      '*.md',
      '{docs,bench,test}/**/*.md',
      '{apps,libs,examples}/*/README.md',
    );
    expect(all.size).toBeGreaterThan(60);
    for (const [file, text] of all) {
      for (const target of linksOf(text)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const linked = path === '' ? file : join(dirname(file), path);
        expect(existsSync(join(repositoryRoot, linked)), `${file}: ${target}`).toBe(true);
        if (anchor === undefined) continue;
        const headings = anchorsOf(await readFile(join(repositoryRoot, linked), 'utf8'));
        expect(headings, `${file}: ${target}`).toContain(anchor);
      }
    }
  });
});

/** The file or folder that a path names; programs under `dist/` by their source. */
function sourceOf(path: string): string {
  return path.replace(/^dist\/(?!bin\/)(.+)\.js$/, '$1.ts');
}

describe('the prose', () => {
  it('names only files and folders of the repository that exist', async () => {
    const named =
      /`(?:node )?((?:apps|bench|dist\/(?!bin)|docs|examples|libs|scripts|test)\/[\w./-]*)[`, ]/g;
    for (const [file, text] of await pages('*.md', 'docs/**/*.md')) {
      if (file === 'CHANGELOG.md') continue;
      for (const [, path = ''] of text.matchAll(named)) {
        expect(existsSync(join(repositoryRoot, sourceOf(path))), `${file}: ${path}`).toBe(true);
      }
    }
  });
});

/** The titles of problem types as the code declares them, by code. */
async function problemTitles(): Promise<ReadonlyMap<string, string>> {
  const titles = new Map<string, string>();
  const declarations = [
    /\bproblem\(\s*'([a-z-]+)',\s*\d+,\s*'([^']+)'/g,
    /readonly code(?:: \w+)? = '([a-z-]+)';[^}]*?readonly title(?:: \w+)? = '([^']+)'/g,
  ];
  for (const text of (await pages('{apps,libs}/*/src/**/*.ts')).values()) {
    for (const [, code = '', title = ''] of declarations.flatMap((form) => [
      ...text.matchAll(form),
    ])) {
      titles.set(code, title);
    }
  }
  return titles;
}

describe('test/README.md', () => {
  it('names specs for each invariant of docs/architecture.md', async () => {
    const read = async (file: string) => readFile(join(repositoryRoot, file), 'utf8');
    const [, list = ''] = (await read('docs/architecture.md')).split('## Invariants\n');
    const invariants = [
      ...list
        .split('\n## ', 1)
        .join()
        .matchAll(/^\d+(?=\. )/gm),
    ].flat();
    const rows = [...(await read('test/README.md')).matchAll(/^\| (\d+)\. [^|]+\|([^|]+)\|/gm)];
    expect(rows.map(([, number]) => number)).toEqual(invariants);
    for (const [, number, specs = ''] of rows) {
      const links = linksOf(specs).filter((target) => target.endsWith('.spec.ts'));
      expect(links, `invariant ${number}`).not.toEqual([]);
    }
  });
});

/** The titles of a spec file, with the placeholders of tables. */
function titlesOf(source: string): string[] {
  const title = /(?:\b(?:it|describe)(?:\.\w+)?|\))\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1\s*,/g;
  return [...source.matchAll(title)].map(([, , text = '']) => text.replaceAll(/\\(.)/g, '$1'));
}

/** Whether a test has this title. What takes the place of a placeholder must be a text of the file. */
function hasTitle(source: string, wanted: string): boolean {
  return titlesOf(source).some((title) => {
    const parts = title.split(/%[a-z]|\$\w+/).map((part) => part.replaceAll(/[^\w\s]/g, '\\$&'));
    const values = new RegExp(`^${parts.join('(.+)')}$`).exec(wanted)?.slice(1);
    return values?.every((value) => source.includes(`'${value}'`)) === true;
  });
}

describe('tables whose rows tests keep true', () => {
  it.each([
    ['docs/needs.md', '# What it was needed for\n', 25],
    ['docs/operations.md', '## Outages\n', 4],
    ['docs/operations.md', '## Readiness\n', 20],
  ])('of %s name tests that exist', async (path, heading, min) => {
    const page = await readFile(join(repositoryRoot, path), 'utf8');
    const [section = ''] = (page.split(heading, 2)[1] ?? '').split('\n## ', 1);
    const rows = section
      .split('\n')
      .filter((line) => /^\| (?!Need |Unavailable |Part |-)/.test(line));
    expect(rows.length).toBeGreaterThanOrEqual(min);
    for (const row of rows) {
      const tests = [...row.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\)/g)];
      expect(tests, row).not.toEqual([]);
      for (const [, title = '', file = ''] of tests) {
        const source = await readFile(join(repositoryRoot, file), 'utf8');
        expect(hasTitle(source, title), `${file}: ${title}`).toBe(true);
      }
    }
  });
});

describe('docs/problems', () => {
  it('has the title of each problem type as the heading of its page', async () => {
    const titles = await problemTitles();
    for (const [file, text] of await pages('docs/problems/*.md')) {
      const code = /([a-z-]+)\.md$/.exec(file)?.[1] ?? '';
      if (code === '') continue; // the index
      expect(text.split('\n', 1)[0], file).toBe(`# ${titles.get(code) ?? 'without a title'}`);
    }
  });

  it('answers the same four questions on each page', async () => {
    const problems = await pages('docs/problems/*.md');
    const index = problems.get('docs/problems/README.md') ?? '';
    for (const [file, text] of problems) {
      const code = /([a-z-]+)\.md$/.exec(file)?.[1] ?? '';
      if (code === '') continue; // the index
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
    const page = await readFile(join(repositoryRoot, 'docs/metrics.md'), 'utf8');
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
