import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linksOf } from '../support/markdown.js';
import { repositoryRoot } from '../support/root.js';

const text = readFileSync(join(repositoryRoot, 'docs/security.md'), 'utf8');

/** Number of requirements in each section of OWASP ASVS 5.0.0. */
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

const filesOfTests = ['apps', 'libs', 'test'].flatMap((folder) =>
  readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
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

  it('names only tests that exist', () => {
    for (const [, name = ''] of text.matchAll(/`([\w./-]+\.spec\.ts)`/g))
      expect(
        filesOfTests.some((path) => path === name || path.endsWith(`/${name}`)),
        name,
      ).toBe(true);
  });
});
