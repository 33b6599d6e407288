import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { InstalledPackages, packedService } from './installed-packages.js';

// Two compilers and two runs of npm take several times as long on a busy machine.
vi.setConfig({ hookTimeout: 180_000, testTimeout: 120_000 });

let project: InstalledPackages;
let servicePaths: readonly string[];

beforeAll(async () => {
  [project, servicePaths] = await Promise.all([InstalledPackages.create(), packedService()]);
});

afterAll(async () => {
  await project[Symbol.asyncDispose]();
});

/** The first TypeScript example of an installed package's README. */
async function exampleOf(name: string): Promise<string> {
  const readme = await project.read(`node_modules/${name}/README.md`);
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1];
  if (example === undefined) throw new Error(`the README of ${name} has no example`);
  return example;
}

describe.each([
  ['@acs-identity/transparency-log', ['index', 'tree-frontier']],
  ['@acs-identity/client', ['index', 'react']],
  ['acs-identity-emulator', ['index', 'main', 'entra/entra']],
])('the package %s', (name, modules) => {
  it('contains code, type declarations, README and licence, and nothing else', async () => {
    const folder = join(project.folder, 'node_modules', name);
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name).slice(folder.length + 1));
    expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    for (const module of modules) {
      expect(paths).toContain(`dist/${module}.js`);
      expect(paths).toContain(`dist/${module}.d.ts`);
    }
    const others = paths.filter((path) => !/^dist\/[a-z0-9/-]+(\.d\.ts|\.js)$/.test(path));
    expect(others.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
    expect(paths.filter((path) => /spec|testing/.test(path))).toEqual([]);
  });
});

describe('the package of the service', () => {
  it('contains the programs and the libraries of production, and no test code', () => {
    expect(servicePaths).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'dist/bin/acs-identity.js',
        'dist/bin/api.js',
        'dist/console/index.html',
        'dist/apps/api/src/main.js',
        'dist/libs/audit/src/index.js',
      ]),
    );
    const production =
      /^(LICENSE|README\.md|package\.json|dist\/(bin|apps\/(api|cli)\/src|libs\/[^/]+\/src)\/.+\.js|dist\/console\/(files\.json|(index\.html|assets\/[\w.-]+)(\.br|\.gz)?))$/;
    expect(servicePaths.filter((path) => !production.test(path))).toEqual([]);
    const testCode = /\.(spec|contract)\.js$|\/testing(\.js$|\/)|\/test\/|emulator/;
    expect(servicePaths.filter((path) => testCode.test(path))).toEqual([]);
  });
});

/** With `skipLibCheck`, a type that can't be resolved would silently be `any`. */
const TYPES = `
import type { CompactRange } from '@acs-identity/transparency-log';
import type { AcsSettings, Emulator } from 'acs-identity-emulator';
import type { TokenResponse } from '@acs-identity/client';
import type { CommunicationToken } from '@acs-identity/client/react';
type IsAny<T> = 0 extends 1 & T ? true : false;
export const areAny: [IsAny<CompactRange>, IsAny<AcsSettings>, IsAny<Emulator>] = [false, false, false];
export const areAnyOfClient: [IsAny<TokenResponse>, IsAny<CommunicationToken>] = [false, false];
`;

describe('the README examples of the packages', () => {
  it('pass the type check of a strict project and do what they say', async () => {
    await project.write('types.ts', TYPES);
    await project.write('log.ts', await exampleOf('@acs-identity/transparency-log'));
    await project.write('emulator.ts', await exampleOf('acs-identity-emulator'));
    await project.write('client.ts', await exampleOf('@acs-identity/client'));
    const [, log, client, emulator] = await Promise.all([
      project.typeCheck(),
      project.node(['log.ts']),
      project.node(['client.ts']),
      project.node(['emulator.ts']),
    ]);
    expect(log).toBe('entry 1 of 3 is in log.example/audit\n');
    expect(client).toBe('Error: sign in first: no claims\n');
    expect(emulator).toMatch(/communicationUserId: '8:acs:[0-9a-f-]+_[0-9a-f-]+'/);
    expect(emulator).toMatch(/valid: true,\s+scopes: \[ 'chat' \]/);
  });
});

describe('the packages', () => {
  it.each(['@acs-identity/transparency-log', '@acs-identity/client', 'acs-identity-emulator'])(
    'load %s under the conditions that monorepos set',
    async (name) => {
      const program = `console.log(Object.keys(await import('${name}')).length > 0)`;
      const conditions = ['source', 'development'].map((condition) => `--conditions=${condition}`);
      expect(await project.node([...conditions, '--input-type=module', '--eval', program])).toBe(
        'true\n',
      );
    },
  );
});

describe('the declarations of the libraries', () => {
  it.each(['@acs-identity/transparency-log', '@acs-identity/client'])(
    'of %s are complete for ES2020, of which no declaration is skipped',
    async (name) => {
      await project.write('es2020.ts', `export * from '${name}';\n`);
      expect(await project.typeCheckForEs2020('es2020.ts')).toBe('');
    },
  );
});

describe('the emulator program', () => {
  let child: ChildProcess | undefined;

  function start(...args: string[]): ChildProcess & { output: () => string } {
    const program = join(project.folder, 'node_modules/.bin/acs-identity-emulator');
    const started = spawn(program, args, { cwd: project.folder, stdio: 'pipe' });
    child = started;
    let output = '';
    started.stderr.on('data', (chunk) => (output += String(chunk)));
    return Object.assign(started, { output: () => output });
  }

  afterAll(() => child?.kill('SIGKILL'));

  it('starts without options, prints its addresses and its CA file, and stops on SIGTERM', async () => {
    const emulator = start();
    if (!emulator.stdout) throw new Error('stdout is a pipe');
    const [line] = (await once(createInterface(emulator.stdout), 'line')) as [string];
    const { controlUrl, caFile } = JSON.parse(line) as Record<string, string>;
    expect(caFile).toBe(join(project.folder, '.acs-identity-emulator/ca.pem'));
    expect(emulator.output()).toContain(caFile);
    expect(emulator.output()).toContain(controlUrl);
    const minted = await fetch(`${controlUrl ?? ''}/control/tokens`, { method: 'POST' });
    expect(await minted.json()).toMatchObject({ token: expect.stringMatching(/^ey/) });
    emulator.kill('SIGTERM');
    expect(await once(emulator, 'exit')).toEqual([0, null]);
  });

  it.each([
    [['--acs-port', '99999'], /--acs-port.*'99999' is invalid. It must be an integer from 0/],
    [['--no-such-option'], /unknown option '--no-such-option'/],
    [['--host', '0.0.0.0'], /other machines can reach 0\.0\.0\.0/],
  ])('rejects %j with a message and exit code 1', async (args, message) => {
    const emulator = start(...args);
    expect(await once(emulator, 'close')).toEqual([1, null]);
    expect(emulator.output()).toMatch(message);
  });
});
