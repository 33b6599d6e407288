import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const file = join(root, 'docs/security.md');
const text = readFileSync(file, 'utf8');

/** How many requirements each section of the chapters has in OWASP ASVS 5.0.0. */
const SECTIONS: Readonly<Record<string, number>> = {
  ...{ '4.1': 5, '4.2': 5, '4.3': 2, '4.4': 4 },
  ...{ '8.1': 4, '8.2': 4, '8.3': 3, '8.4': 2 },
  ...{ '9.1': 3, '9.2': 4 },
  ...{ '10.1': 2, '10.2': 3, '10.3': 5, '10.4': 16, '10.5': 5, '10.6': 2, '10.7': 3 },
  ...{ '16.1': 1, '16.2': 5, '16.3': 4, '16.4': 3, '16.5': 4 },
};

interface Row {
  readonly number: string;
  readonly state: string;
  readonly why: string;
}

const rows: readonly Row[] = text
  .slice(text.indexOf('## OWASP ASVS'))
  .split('\n')
  .flatMap((line) => {
    const [, number, state, why] =
      /^\| (\d+\.\d+\.\d+) [^|]+\| (\S+) +\| ([^|]+)\|$/.exec(line) ?? [];
    return number !== undefined && state !== undefined && why !== undefined
      ? [{ number, state, why }]
      : [];
  });

function linksOf(markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
}

/** The anchors of a document's headings, as they are linked to. */
function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

const filesOfTests = ['apps', 'libs', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(folder, name),
  ),
);

describe('docs/security.md', () => {
  it('has exactly one row for each requirement of the chapters, in order', () => {
    const all = Object.entries(SECTIONS).flatMap(([section, count]) =>
      Array.from({ length: count }, (_none, index) => `${section}.${index + 1}`),
    );
    expect(rows.map(({ number }) => number)).toEqual(all);
  });

  it('calls each met, not applicable or open, and names a test where it is met', () => {
    for (const { number, state, why } of rows) {
      expect(['met', 'n/a', 'open'], number).toContain(state);
      const tests = linksOf(why).filter((target) => target.endsWith('.spec.ts'));
      if (state === 'met') expect(tests, number).not.toEqual([]);
    }
  });

  it('leads to files and headings that exist', () => {
    for (const target of linksOf(text)) {
      if (target.startsWith('https://')) continue;
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? file : join(dirname(file), path);
      expect(existsSync(linked), target).toBe(true);
      if (anchor !== undefined)
        expect(anchorsOf(readFileSync(linked, 'utf8')), target).toContain(anchor);
    }
  });

  it('names no test that is not there', () => {
    for (const [, name = ''] of text.matchAll(/`([\w./-]+\.spec\.ts)`/g))
      expect(
        filesOfTests.some((path) => path === name || path.endsWith(`/${name}`)),
        name,
      ).toBe(true);
  });
});
