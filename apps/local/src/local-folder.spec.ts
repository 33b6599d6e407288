import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explainFailure } from './explain-failure.js';
import { LocalFolder } from './local-folder.js';
import { DEFAULT_PORTS } from './local-ports.js';

describe('the folder of the local environment', () => {
  let folder: LocalFolder;
  beforeEach(async () => {
    folder = new LocalFolder(await mkdtemp(join(tmpdir(), 'local-folder-')));
  });
  afterEach(async () => rm(folder.path, { recursive: true, force: true }));

  const fileOf = (name: string): string => join(folder.path, name);
  const reason = async (action: Promise<unknown>): Promise<string> =>
    action.then(() => 'no fault', explainFailure);

  it.each([
    ['ports.json', async () => folder.readPorts(), 'delete it, and start again'],
    ['environment.json', async () => folder.readEnvironment(), 'delete it, and start again'],
    ['passwords.json', async () => folder.passwords(), 'delete the folder to begin again'],
    ['lock', async () => folder.lock(), 'delete it, if no npm start runs in this folder'],
  ])('names %s and the remedy when it has no content, or another one', async (name, read, fix) => {
    for (const content of ['', '{"control', '{"control":"x"}']) {
      await writeFile(fileOf(name), content);
      const text = await reason(read());
      expect(text).toContain(name);
      expect(text).toContain(fix);
      expect(text.split('\n')).toHaveLength(1);
    }
  });

  it('reads the ports of a newer release, which has more', async () => {
    await writeFile(fileOf('ports.json'), JSON.stringify({ ...DEFAULT_PORTS, graph: 3449 }));
    expect(await folder.readPorts()).toEqual(DEFAULT_PORTS);
  });

  it('replaces a file as a whole, and only when its content changes', async () => {
    await folder.writePorts(DEFAULT_PORTS);
    const before = await readFile(fileOf('ports.json'), 'utf8');
    const { ino } = await stat(fileOf('ports.json'));
    await folder.writePorts(DEFAULT_PORTS);
    expect((await stat(fileOf('ports.json'))).ino).toBe(ino);

    // A reader that opened the file before the change gets the former content whole.
    const reader = await open(fileOf('ports.json'));
    await folder.writePorts({ ...DEFAULT_PORTS, sample: 4000 });
    expect(await reader.readFile('utf8')).toBe(before);
    await reader.close();
    expect((await folder.readPorts()).sample).toBe(4000);
  });

  it('has its secrets readable by its owner only', async () => {
    await folder.passwords();
    expect((await stat(fileOf('passwords.json'))).mode & 0o777).toBe(0o600);
  });
});

describe('what prevents a start', () => {
  it('has the remedy for data of another PostgreSQL', () => {
    const output = 'PostgreSQL did not start: FATAL:  database files are incompatible with server';
    expect(explainFailure(new Error(output))).toMatch(/another version.*delete \.local/);
  });
});
