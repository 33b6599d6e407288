import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { chown, mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi } from '../../apps/local/src/api-process.js';
import { placeholderEnvironment } from '../../scripts/placeholder-environment.js';
import { ProjectCopy, type Run } from '../support/project-copy.js';
import { repositoryRoot } from '../support/root.js';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
/** Root may act as another user and mount file systems, in a namespace of its own. */
const canMount =
  isRoot && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const canActAsNobody =
  isRoot && spawnSync(process.execPath, ['-e', ''], { uid: NOBODY, gid: NOBODY }).status === 0;

let copy: ProjectCopy;

async function copyWith(...parts: string[]): Promise<ProjectCopy> {
  return ProjectCopy.create(['package.json', '.npmrc', 'scripts', ...parts]);
}

async function useCopy(...parts: string[]): Promise<void> {
  copy = await copyWith(...parts);
}

beforeEach(async () => useCopy());
afterEach(async () => copy[Symbol.asyncDispose]());

/** Expects one sentence, or two, that names the remedy; no stack trace and no other program's errors. */
async function expectSentence(run: Run, sentence: RegExp): Promise<void> {
  expect(await run.ended).not.toBe(0);
  const lines = run.output().split('\n');
  const own = lines.filter((line) => line !== '' && !/^(> |npm (error|ERR!|notice))/.test(line));
  expect(own).toHaveLength(1);
  expect(own[0]).toMatch(sentence);
}

/** Runs a command on a file system of its own, mounted on a folder of the copy. */
function runMounted(options: string, folder: string, command: string, where = copy): Run {
  return where.run([
    ...['unshare', '-m', 'sh', '-c'],
    `mount -t tmpfs -o ${options} none ${folder} && ${command}`,
  ]);
}

describe('npm start', { timeout: 120_000 }, () => {
  it('without packages says: npm ci', async () => {
    await expectSentence(copy.run(['npm', 'start']), /not installed.*npm ci/);
  });

  it.each(['test', 'run start:dev', 'run build', 'run check', 'run -s token -- alice'])(
    'as does npm %s',
    async (script) => {
      await expectSentence(copy.run(['npm', ...script.split(' ')]), /not installed.*npm ci/);
    },
  );

  it('after an installation that was interrupted says: npm ci', async () => {
    await mkdir(join(copy.folder, 'node_modules/typescript'), { recursive: true });
    await expectSentence(copy.run(['npm', 'start']), /not installed completely.*npm ci/);
  });

  it.runIf(canActAsNobody)('in a folder of another user says that it can’t write', async () => {
    await copy[Symbol.asyncDispose]();
    await useCopy('node_modules');
    const run = copy.run(['npm', 'start'], { uid: NOBODY });
    await expectSentence(run, /can't write to .*EACCES.*(chown|copy of your own)/);
  });

  it.runIf(canMount)('in a read-only folder says so to root, too', async () => {
    const read = `cp -a package.json scripts /mnt && ln -s ${repositoryRoot}node_modules /mnt/node_modules`;
    const command = `${read} && mount -o remount,ro /mnt && cd /mnt && npm start`;
    await expectSentence(runMounted('size=64m', '/mnt', command), /can't write to .*EROFS/);
  });

  it.runIf(canMount)('on a full disk says how much is missing', async () => {
    const fill = `cp -a package.json scripts /mnt && ln -s ${repositoryRoot}node_modules /mnt/node_modules`;
    const command = `${fill} && cd /mnt && npm start`;
    await expectSentence(
      runMounted('size=8m', '/mnt', command),
      /only \d+ MB left.*free some space/,
    );
  });
});

describe('a script that runs what was built', () => {
  it.each(['token -- alice', 'acs-identity -- config list'])(
    'npm run -s %s says: npm run build',
    async (script) => {
      await copy[Symbol.asyncDispose]();
      await useCopy('node_modules');
      const run = copy.run(['npm', 'run', '-s', ...script.split(' ')]);
      await expectSentence(run, /Nothing is built.*npm run build/);
    },
  );
});

describe('the local environment', { timeout: 180_000 }, () => {
  let built: ProjectCopy;
  beforeAll(async () => {
    built = await copyWith('dist', 'node_modules');
  });
  afterEach(async () => rm(join(built.folder, '.local'), { recursive: true, force: true }));
  afterAll(async () => built[Symbol.asyncDispose]());

  it('in another folder says where to start it', async () => {
    const run = built.run([process.execPath, built.main], { cwd: '/' });
    await expectSentence(run, /not the folder of the project: cd \S+ && npm start/);
    expect(existsSync('/.local')).toBe(false);
  });

  it('says which LOG_LEVEL it needs, instead of waiting for ever', async () => {
    const run = built.run([process.execPath, built.main], { environment: { LOG_LEVEL: 'warn' } });
    await expectSentence(run, /LOG_LEVEL must be info or debug/);
  });

  it.runIf(canActAsNobody)('with the files of another user names the folder', async () => {
    await mkdir(join(built.folder, '.local'));
    const run = built.run([process.execPath, built.main], { uid: NOBODY });
    await expectSentence(run, /may not use \.local\S* \(EACCES\).*(chown|owner)/);
  });

  it.runIf(canMount)('on a full disk says: free some space', async () => {
    await mkdir(join(built.folder, '.local'));
    const run = runMounted('size=6m', '.local', `exec ${process.execPath} ${built.main}`, built);
    expect(await run.ended).toBe(1);
    expect(run.output().trim().split('\n').at(-1)).toBe(
      'The disk is full: free some space, then start again.',
    );
    await built.untilNothingRuns();
  });

  it('that is not running is what a token needs first', async () => {
    const run = built.run([
      process.execPath,
      join(built.folder, 'dist/apps/local/src/token.js'),
      'alice',
    ]);
    await expectSentence(run, /not running: start it with npm start/);
  });

  it.runIf(canActAsNobody)('starts as an ordinary user, too', async () => {
    await built.takeOwnPorts();
    for (const path of ['.local', '.local/ports.json']) {
      await chown(join(built.folder, path), NOBODY, NOBODY);
    }
    const run = built.run([process.execPath, built.main], { uid: NOBODY });
    await built.untilReady(run);
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(0);
    await built.untilNothingRuns();
  });
});

describe('the api', () => {
  const start = async (change: Record<string, string>): Promise<string> => {
    const environment = { PATH: process.env.PATH, ...placeholderEnvironment, ...change };
    const started = startApi(environment, { onLine: () => undefined });
    return started.then(
      async (api) => {
        await api.stop();
        return 'it started';
      },
      (error: unknown) => String(error),
    );
  };

  it('says in one sentence that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const PORT = String(typeof address === 'object' ? address?.port : '');
    const run = copy.run([process.execPath, `${repositoryRoot}dist/bin/api.js`], {
      environment: { ...placeholderEnvironment, PORT, HOST: '127.0.0.1' },
    });
    await expectSentence(run, /Another program listens on port \d+ of 127.0.0.1: .*PORT/);
    other.close();
  });

  it('says in one sentence that its address is not of this machine', async () => {
    expect(await start({ PORT: '0', HOST: '192.0.2.1' })).toMatch(
      /does not have.*192\.0\.2\.1.*HOST/,
    );
  });
});

/** A Node below 24, if this machine has one beside the one that npm installed. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return status === 0 && Number(/^v(\d+)/.exec(stdout)?.[1]) < 24;
});

describe.runIf(oldNode !== undefined)('an old Node', () => {
  it.each([
    'dist/bin/api.js',
    'dist/bin/acs-identity.js',
    'dist/apps/api/src/main.js',
    'dist/apps/cli/src/main.js',
    'dist/apps/local/src/main.js',
  ])('is refused by %s with one sentence', async (program) => {
    const run = copy.run([oldNode ?? '', `${repositoryRoot}${program}`]);
    await expectSentence(run, /needs Node\.js 24 or later and this is v\d+.*npm/);
  });

  it('does for npm, whose scripts run on the Node that it installed', async () => {
    await rm(copy.folder, { recursive: true, force: true });
    await useCopy('dist', 'node_modules');
    const PATH = `${join(oldNode ?? '', '..')}:${process.env.PATH ?? ''}`;
    const run = copy.run(['npm', 'run', '-s', 'acs-identity', '--', '--version'], {
      environment: { PATH },
    });
    expect(await run.ended).toBe(0);
    accessSync(join(copy.folder, 'dist'), constants.R_OK);
  });

  it('is named when npm ci installed no Node, as with --ignore-scripts', async () => {
    await mkdir(join(copy.folder, 'node_modules'));
    await copy.run(['touch', 'node_modules/.package-lock.json']).ended;
    const PATH = join(oldNode ?? '', '..');
    const run = copy.run([oldNode ?? '', 'scripts/preflight.mjs'], { environment: { PATH } });
    await expectSentence(run, /Node\.js 24 that npm installs is missing.*npm ci/);
  });
});
