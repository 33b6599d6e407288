import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';

/**
 * `npm run test:samples`: runs files of Microsoft's published samples, unmodified, against the service.
 * They are read from `--from <folder of repositories>`, or downloaded; without both they are skipped.
 */

/** A file of a sample at a commit. Another content is not run. */
interface PublishedFile {
  readonly repository: string;
  readonly commit: string;
  readonly path: string;
  readonly sha256: string;
}

type Client = Readonly<Record<string, (...args: string[]) => Promise<unknown>>>;

interface Check {
  readonly file: PublishedFile;
  /** Throws when the client does not get what it reads. */
  readonly run: (client: Client, page: Page) => Promise<void>;
}

/** The page of an application whose person is signed in. */
interface Page {
  readonly bearer: string;
  readonly teamsToken: string;
  /** The ids that clients have read so far. */
  readonly ids: Set<string>;
}

const SAMPLES = 'communication-services';

const CHECKS: readonly Check[] = [
  {
    file: {
      repository: `${SAMPLES}-authentication-hero-nodejs`,
      commit: 'a49766d0bee10521c918b522ea6bb73b4c858620',
      path: 'MinimalClient/src/acsAuthApiCaller.js',
      sha256: '4d2e11de6fc9512e8160f754efed6448e05b8cbc39852e302df4db70786784e5',
    },
    run: async (client, { bearer, teamsToken, ids }) => {
      const user = (await client.CreateOrGetACSUser?.(bearer)) as { acsUserIdentity: string };
      const message = (await client.GetAcsToken?.(bearer)) as {
        readonly token: string;
        readonly user: { readonly id: string };
      };
      require(message.user.id === user.acsUserIdentity, 'the token is of the user');
      require(message.token.length > 0, 'there is a token');
      const teams = (await client.GetAcsTokenForTeamsUser?.(bearer, teamsToken)) as {
        readonly token: string;
      };
      require(teams.token.length > 0, 'there is a token of the Teams user');
      ids.add(message.user.id);
    },
  },
  {
    file: {
      repository: `${SAMPLES}-web-calling-hero`,
      commit: 'e4db62d07572af6bb92b4c9da47f7921776e765f',
      path: 'Calling/src/app/utils/AppUtils.ts',
      sha256: '1028c4c0083bede1afb211e24d88e0f4d6d8679c07c86b71522ad41a4a81f47d',
    },
    run: async (client, { ids }) => {
      const { user } = (await client.fetchTokenResponse?.()) as {
        readonly user: { readonly communicationUserId: string };
      };
      ids.add(user.communicationUserId);
    },
  },
  {
    file: {
      repository: `${SAMPLES}-web-chat-hero`,
      commit: '0ca7c2167ac9762e7e3cb3752e29a096a003b4e1',
      path: 'Chat/src/app/utils/getToken.ts',
      sha256: 'f30317853c6c0d25122fed80fce098aea2b61f216b55faff26810c0a1b42511e',
    },
    run: async (client, { ids }) => {
      const { identity, token } = (await client.getToken?.()) as Record<string, string>;
      require(token !== undefined, 'there is a token');
      ids.add(identity ?? '');
    },
  },
  {
    file: {
      repository: `${SAMPLES}-web-chat-hero`,
      commit: '0ca7c2167ac9762e7e3cb3752e29a096a003b4e1',
      path: 'Chat/src/app/utils/refreshToken.ts',
      sha256: 'dc191458fe7250f48b0434465c4d25b5180a48bdd1add28ac2b03174d37f86ff',
    },
    run: async (client, { ids }) => {
      const [id = ''] = ids;
      require(typeof (await client.refreshToken?.(id)) === 'string', 'there is a token');
    },
  },
];

/** @returns `undefined` when the file can't be had */
async function sourceOf(file: PublishedFile, folder?: string): Promise<string | undefined> {
  const { repository, commit, path, sha256 } = file;
  const text = await (folder === undefined
    ? downloaded(`https://raw.githubusercontent.com/Azure-Samples/${repository}/${commit}/${path}`)
    : readFile(join(folder, repository, path), 'utf8'));
  if (text === undefined) return undefined;
  const digest = createHash('sha256').update(text).digest('hex');
  require(digest === sha256, `${repository}/${path} has the content of ${commit}`);
  return text;
}

async function downloaded(address: string): Promise<string | undefined> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(15_000) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

/** Loads a file as it is. Packages that it imports are replaced by empty ones: no check calls them. */
async function load(source: string, path: string): Promise<Client> {
  const folder = await mkdtemp(join(tmpdir(), 'published-client-'));
  const names = [...source.matchAll(/^import \{([^}]+)\} from '([^']+)'/gm)].map(
    ([, list = '', from = '']) => {
      const imported = list.split(',').map((name) => name.trim().split(' as ')[0] ?? '');
      return [from, imported.map((name) => `export const ${name} = undefined;`).join('')] as const;
    },
  );
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      const stubs = names.filter(([from]) => from === specifier).map(([, stub]) => stub);
      if (stubs.length === 0) return next(specifier, context);
      const url = `data:text/javascript,${encodeURIComponent([...new Set(stubs.join('').split(';'))].join(';'))}`;
      return { url, shortCircuit: true };
    },
  });
  try {
    const file = join(folder, basename(path).replace(/\.js$/, '.mjs').replace(/\.ts$/, '.mts'));
    await writeFile(file, source);
    return (await import(pathToFileURL(file).href)) as Client;
  } finally {
    hooks.deregister();
    await rm(folder, { recursive: true });
  }
}

function require(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not so: ${what}`);
}

const { values } = parseArgs({ options: { from: { type: 'string' } } });
const sources = await Promise.all(CHECKS.map(async ({ file }) => sourceOf(file, values.from)));
if (sources.every((source) => source === undefined)) {
  console.log('skipped: the samples can not be downloaded; give --from <folder of repositories>');
  process.exit(0);
}
const cluster = await startTestCluster();
const { superuserUrl, port } = cluster;
const service = await Service.start({
  cluster: { superuserUrl, port },
  environment: {
    COMPATIBILITY: 'auth-hero,calling-sample',
    ENTRA_ISSUE_SCOPE_ALIASES: 'access_as_user',
  },
});
try {
  const { control } = service.emulator;
  const claims = { scp: 'access_as_user' };
  const page: Page = {
    bearer: await control.mintToken({ person: 'alice', claims }),
    teamsToken: await control.mintToken({ person: 'alice', resource: 'teams' }),
    ids: new Set(),
  };
  // What a browser and the sign-in of the page do: relative addresses, and the token of the person.
  const plainFetch = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const address = String(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${page.bearer}`);
    const deployed = address.replace(/^http:\/\/localhost:5000\//, `${service.url}/`);
    return plainFetch(new URL(deployed, service.url), { ...init, headers });
  };
  Object.assign(globalThis, { document: { title: '' } });
  for (const [number, { file, run }] of CHECKS.entries()) {
    const source = sources[number];
    const name = `${file.repository}/${file.path}`;
    if (source === undefined) {
      console.log(`skipped ${name}: it can not be downloaded`);
      continue;
    }
    await run(await load(source, file.path), page);
    console.log(`passed ${name}`);
  }
  require(page.ids.size === 1, 'all clients have read the same identity');
  globalThis.fetch = plainFetch;
} finally {
  await service.stop();
  await cluster.remove();
}
