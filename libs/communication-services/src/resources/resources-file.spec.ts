import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalName } from '#libs/platform';
import { resourcesFile } from './resources-file.js';

const GUID = '01980000-0000-4000-8000-000000000000';
const MAIN = `{"name":"main","endpoint":"https://main.example","resourceId":"${GUID}"}`;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-resources-'));
});
afterAll(async () => rm(folder, { recursive: true }));

async function read(content: string | Buffer) {
  const path = join(folder, 'resources.json');
  await writeFile(path, content);
  return resourcesFile().safeParse(path);
}

describe('resourcesFile', () => {
  it.each([
    ['does not exist', 'missing.json', 'ENOENT'],
    ['is a folder', '', 'EISDIR'],
  ])('says of a file that %s why it can not be read', (_what, name, code) => {
    const { error } = resourcesFile().safeParse(join(folder, name));
    expect(error?.issues.map(({ message }) => message)).toEqual([
      `must be the path of a JSON file; it can not be read (${code})`,
    ]);
  });

  it.each([
    ['{}', 'must be a list'],
    [`[{"name":"main"}]`, '0.endpoint: is missing'],
  ])('says what %s lacks', async (content, fault) => {
    const { error } = await read(content);
    expect(error?.issues.map(({ message }) => message)).toContain(fault);
  });

  it.each([`[${MAIN}]`, `\ufeff[${MAIN}]`])(
    'reads JSON, also behind a byte order mark',
    async (text) => {
      expect((await read(text)).data?.forTenant(canonicalName('anyone')).name).toBe('main');
    },
  );

  it.each([
    ['a member twice', `[${MAIN.replace('}', `,"resourceId":"${GUID}"}`)}]`, 'a member twice'],
    ['invalid UTF-8', Buffer.from([0x5b, 0xff, 0x5d]), 'not valid UTF-8'],
    ['UTF-16', Buffer.from(`\ufeff[${MAIN}]`, 'utf16le'), 'not valid UTF-8'],
    ['two byte order marks', `\ufeff\ufeff[${MAIN}]`, 'not well-formed'],
    ['a control character', `[${MAIN.replace('main', 'ma\\u0000in')}]`, 'control character'],
    ['something after the list', `[${MAIN}]]`, 'not well-formed'],
  ])('refuses %s, and says so without the text', async (_what, content, fault) => {
    const { error } = await read(content);
    expect(error?.issues[0]?.message).toContain(fault);
    expect(error?.message).not.toContain(GUID);
  });
});
