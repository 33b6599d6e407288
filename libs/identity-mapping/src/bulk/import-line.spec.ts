import { describe, expect, it } from 'vitest';
import { canonicalName, type CanonicalName, type LineFault, readLines } from '#libs/platform';
import { type ImportItem, readImportLine } from './import-line.js';

async function imported(...chunks: (string | Buffer)[]): Promise<(ImportItem | LineFault)[]> {
  return importedBy(canonicalName('t'), ...chunks);
}

async function importedBy(
  tenant: CanonicalName | undefined,
  ...chunks: (string | Buffer)[]
): Promise<(ImportItem | LineFault)[]> {
  const items: (ImportItem | LineFault)[] = [];
  // oxlint-disable-next-line typescript/require-await -- as a stream gives them
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  for await (const line of readLines(bytes())) {
    items.push(readImportLine(line, { tenant, isAnyTenant: true }));
  }
  return items;
}

/** Spaces of Unicode, and characters that nobody sees. */
const SPACES = Array.from('\u00a0\u1680\u2000\u2003\u2007\u2009\u200a\u202f\u205f\u3000');
const INVISIBLE = Array.from(
  '\ufeff\u200b\u200d\u2060\u00ad\u180e\u202e\u2028\u2029\u0085\u007f\t',
);

describe('readImportLine', () => {
  it('reads a line behind a byte order mark, and one between blanks', async () => {
    const line = '{"subject":"alice"}';
    for (const text of [
      `\ufeff${line}\n`,
      `${line}\r\n`,
      `\u00a0${line}\u3000`,
      `\n\ufeff\n${line}`,
    ]) {
      expect(await imported(text)).toMatchObject([{ subject: 'alice', tenant: 't' }]);
    }
  });

  it('refuses a line without a tenant in an import without one', async () => {
    const lines = '{"subject":"alice","tenant":"u"}\n{"subject":"bob"}\n';
    expect(await importedBy(undefined, lines)).toMatchObject([
      { subject: 'alice', tenant: 'u' },
      { number: 2, code: 'invalid-line', detail: expect.stringContaining('tenant') as string },
    ]);
  });

  it('refuses a space or an invisible character in a name, at any place', async () => {
    for (const sign of [...SPACES, ...INVISIBLE]) {
      for (const name of [`${sign}alice`, `al${sign}ice`, `alice${sign}`]) {
        const value = JSON.stringify(name);
        const lines = [
          `{"subject":${value}}`,
          `{"subject":"alice","tenant":${value}}`,
          `{"userId":${value},"acsUserIdentity":"8:acs:x_y"}`,
        ];
        const faults = await imported(lines.join('\n'));
        expect(
          faults.map((fault) => ('code' in fault ? fault.code : fault.subject)),
          value,
        ).toEqual(['invalid-line', 'invalid-line', 'invalid-line']);
      }
    }
    expect(await imported('{"subject":"alice smith"}')).toMatchObject([{ subject: 'alice smith' }]);
  });

  it.each([
    ['a member twice', '{"subject":"alice","subject":"bob"}', 'the line has a member twice'],
    ['a member twice, once escaped', '{"subject":"alice","\\u0073ubject":"bob"}', 'twice'],
    ['invalid UTF-8', Buffer.from([...Buffer.from('{"subject":"'), 0xff, 0x22, 0x7d]), 'UTF-8'],
    ['UTF-16', Buffer.from('\ufeff{"subject":"alice"}', 'utf16le'), 'UTF-8'],
    ['two objects', '{"subject":"alice"}{"subject":"bob"}', 'not JSON'],
    ['a lone surrogate', '{"subject":"ali\\ud800ce"}', 'lone surrogate'],
  ])('refuses %s, and says why', async (_what, line, detail) => {
    expect(await imported(line)).toMatchObject([
      { code: 'invalid-line', detail: expect.stringContaining(detail) as string },
    ]);
  });
});
