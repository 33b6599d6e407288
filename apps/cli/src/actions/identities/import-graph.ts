import { readFile, rm } from 'node:fs/promises';
import { type CompositionOptions, identitiesPart } from '#libs/composition';
import { IdentityImport } from '#libs/identity-mapping';
import { errorCode, OutboundHttp, replaceFile } from '#libs/platform';
import { AzureCredential } from '#libs/secrets';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';
import { tenantOption } from '../teams-phone/tenant-option.js';
import { GraphUsers, type HeroPage } from './graph-users.js';
import { print } from '../../standard-output.js';

export interface ImportGraphOptions extends OperatorOptions {
  readonly tenant: string;
  readonly extension: string;
  readonly graphUrl: string;
  readonly graphScope?: string;
  readonly dryRun?: true;
  readonly resumeFile?: string;
}

/** With these a line, and the rest of its batch, was not tried: they come again. */
const OUTAGES = ['database-unavailable', 'audit-unavailable'];

/** Where an import continues. */
interface Position {
  /** The next page. */
  readonly page: string;
  /** Users before it that failed. */
  readonly failed: number;
}

/** A page whose lines end at `lastLine` of the import. */
interface PageEnd {
  readonly lastLine: number;
  readonly next: string | undefined;
}

/** Imports the identities that the Authentication Hero has stored in Microsoft Graph. */
export async function importGraph(
  options: ImportGraphOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { databaseUrl, extension, graphUrl, resumeFile } = options;
  const tenant = tenantOption(options.tenant);
  const url = originOf(graphUrl);
  const scope = options.graphScope ?? `${url}/.default`;
  await withPart(identitiesPart, databaseUrl, composition, async (service) => {
    const credential = service.get<AzureCredential>(AzureCredential);
    const outbound = service.get<OutboundHttp>(OutboundHttp);
    const users = new GraphUsers({ url, scope, tenant, extension }, credential, outbound);
    if (options.dryRun) {
      await printLines(users);
      return;
    }
    const from = resumeFile === undefined ? undefined : await readResumeFile(resumeFile);
    const source = new HeroLines(users.pages(from?.page));
    const results = await service.get(IdentityImport).run({
      chunks: source.chunks(),
      tenant,
      isAnyTenant: true,
      isProvisioning: false,
      ...operatorCall(options),
    });
    let failedSoFar = from?.failed ?? 0;
    let isOutage = false;
    for (let next = await results.next(); ; next = await results.next()) {
      if (next.done) {
        const { lines, created, unchanged, failed, isComplete } = next.value;
        const earlier = from?.failed ?? 0;
        const counts = `${created} created, ${unchanged} unchanged, ${failed} failed`;
        print(`${source.users} users, ${lines} with an identity: ${counts}.`);
        if (earlier > 0) console.error(`Users that had failed before this run: ${earlier}.`);
        if (isComplete && resumeFile !== undefined) await rm(resumeFile, { force: true });
        if (!isComplete) console.error('An outage ended the import early. Repeat the command.');
        if (earlier + failed > 0 || !isComplete) process.exitCode = 1;
        return;
      }
      const { line, error } = next.value;
      if (error) console.error(`user ${source.userOf(line)}: ${error.code}: ${error.detail}`);
      if (error) failedSoFar += 1;
      isOutage ||= error !== undefined && OUTAGES.includes(error.code);
      const page = isOutage ? undefined : source.completePages(line);
      if (resumeFile !== undefined && page !== undefined)
        await replaceFile(resumeFile, `${page}\n${failedSoFar}\n`, 0o600);
    }
  });
}

/** The lines of an import, out of the pages of the directory. */
class HeroLines {
  #lines = 0;
  users = 0;
  readonly #userIds = new Map<number, string>();
  #ends: PageEnd[] = [];

  constructor(private readonly pages: AsyncIterable<HeroPage>) {}

  async *chunks(): AsyncGenerator<Uint8Array> {
    for await (const { users, mapped, next } of this.pages) {
      this.users += users;
      for (const user of mapped) this.#userIds.set((this.#lines += 1), user.userId);
      this.#ends.push({ lastLine: this.#lines, next });
      if (process.stderr.isTTY) {
        process.stderr.write(`\r${this.users} users, ${this.#lines} with an identity`);
      }
      const text = mapped.map((user) => `${JSON.stringify(user)}\n`).join('');
      if (text !== '') yield Buffer.from(text);
    }
    if (process.stderr.isTTY) process.stderr.write('\n');
  }

  userOf(line: number): string {
    return this.#userIds.get(line) ?? 'unknown';
  }

  /** @returns the page after those whose lines are all imported; `undefined` when there is no new one */
  completePages(line: number): string | undefined {
    this.#userIds.delete(line);
    const complete = this.#ends.filter(({ lastLine }) => lastLine <= line);
    this.#ends = this.#ends.filter(({ lastLine }) => lastLine > line);
    return complete.at(-1)?.next;
  }
}

/** Prints the lines that the import would read; `identities import` takes them as well. */
async function printLines(users: GraphUsers): Promise<void> {
  let [all, mapped] = [0, 0];
  for await (const page of users.pages()) {
    all += page.users;
    mapped += page.mapped.length;
    for (const user of page.mapped) print(JSON.stringify(user));
  }
  console.error(`${all} users, ${mapped} with an identity. Nothing was imported.`);
}

function originOf(address: string): string {
  const url = URL.parse(address);
  if (url?.protocol === 'https:' && url.pathname === '/' && url.search === '') return url.origin;
  throw new Error('--graph-url must be an https address without a path.');
}

/** @returns `undefined` when there is no such file */
async function readResumeFile(path: string): Promise<Position | undefined> {
  try {
    // Files of older releases have the page alone.
    const [page = '', failed = '0'] = (await readFile(path, 'utf8')).trim().split('\n');
    return { page, failed: Number(failed) };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
