import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eraseAgain } from './erase-again.js';
import { exportedErasures } from './exported-erasures.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-export-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

function entry(action: string): object {
  return {
    action,
    actor: { kind: 'operator', name: 'root' },
    id: '01a21be0-f681-7341-b4e1-3be540ce80a7',
    outcome: 'success',
    recordedAt: '2026-11-27T07:20:57.729Z',
    target: { subject: 'mallory', tenant: 'contoso' },
    version: 1,
  };
}

function line(action: string): string {
  return JSON.stringify({ index: 0, entry: entry(action), personal: {} });
}

const summary = '{"summary":{"count":2,"isComplete":true}}';
const damaged = '{"index":1,"personal":{},"isDamaged":true,"storedBytes":"e30="}';
const [erasure, other] = [line('audit.erase'), line('audit.export')];

async function read(content: string | Buffer): ReturnType<typeof exportedErasures> {
  const path = join(folder, 'export');
  await writeFile(path, content);
  return exportedErasures(path);
}

describe('the erasures of an export', () => {
  it.each([
    ['one entry', `${erasure}\n`, 1, 1],
    ['no erasure', `${other}\n${other}\n`, 2, 0],
    ['empty lines and a summary', `\n${other}\n\n${erasure}\n${summary}\n`, 2, 1],
    ['no line break at its end', `${other}\n${erasure}`, 2, 1],
    ['damaged entries', `${damaged}\n${erasure}\n${damaged}\n`, 3, 1],
  ])('are found in one with %s', async (_what, content, entries, erasures) => {
    const found = await read(content);
    expect(found.entries).toBe(entries);
    expect(found.erasures).toHaveLength(erasures);
  });

  it.each([
    ['an empty file', '', 'has no entries'],
    ['empty lines', '\n\n', 'has no entries'],
    ['a summary alone', summary, 'has no entries'],
    ['CEF', 'CEF:0|acs-identity|acs-identity|1|audit.export|…\n', 'Line 1'],
    ['CSV', 'index,id,action\n', 'Line 1'],
    ['ECS', '{"@timestamp":"2026-11-27T07:20:37.473Z","event":{}}\n', 'Line 1'],
    ['a compressed export', gzipSync(erasure), 'Line 1'],
    ['entries without their index', JSON.stringify(entry('audit.erase')), 'Line 1'],
    ['pretty-printed JSON', JSON.stringify(JSON.parse(erasure), null, 2), 'Line 1'],
    ['a line of another format', `${other}\nCEF:0|…\n${other}\n`, 'Line 2'],
    ['an erasure that is malformed', `${other}\n{"entry":"audit.erase"}\n${other}\n`, 'Line 2'],
    ['a last line that was cut off', `${other}\n\n${other.slice(0, 30)}`, 'Line 3'],
  ])('are not looked for in %s', async (_what, content, why) => {
    await expect(read(content)).rejects.toThrow(why);
    await expect(read(content)).rejects.toThrow('--format ndjson');
  });

  it('make the command refuse another file before it connects', async () => {
    const path = join(folder, 'export.cef');
    await writeFile(path, 'CEF:0|acs-identity|acs-identity|1|audit.export|…\n');
    const options = { databaseUrl: 'postgres://localhost/none', operator: 'spec', export: path };
    await expect(eraseAgain(options, {})).rejects.toThrow('no entry of an export');
  });
});
