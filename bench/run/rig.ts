import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute, type LocalPostgres } from '../../apps/local/src/postgres/local-postgres.js';
import { cloneDatabase, type TestDatabase } from '#libs/platform/testing';
import { startTestCluster } from '../../test/support/test-cluster.js';
import type { ContenderKind } from '../contenders/contenders.js';
import { LoadGenerator } from './load.js';
import { allCores, childrenOf, pin } from './process-usage.js';
import { RunningContender } from './running-contender.js';
import { StandIns } from './stand-ins.js';

const PEOPLE = 1_000;
/** A limit that no load reaches: that of ACS would be measured otherwise. */
const UNLIMITED = '1000000';
const ENVIRONMENT = {
  ACS_BUDGET_CREATE: UNLIMITED,
  ACS_BUDGET_CREATE_WITH_TOKEN: UNLIMITED,
  ACS_BUDGET_ISSUE: UNLIMITED,
};
const REUSE_POLICY = `version: 1
scopes: { voip: {} }
rules:
  - name: default
    when: anyone
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 1440 }
      reuse: true
`;

/** A contender's database and settings, which outlive its processes. */
export interface ContenderHome {
  readonly database: TestDatabase;
  readonly environment: Readonly<Record<string, string>>;
}

/** What every contender runs against: PostgreSQL, stand-ins of Azure, and the load generator. */
export class Rig {
  private constructor(
    readonly postgres: LocalPostgres,
    readonly standIns: StandIns,
    readonly generator: LoadGenerator,
    private readonly directory: string,
  ) {}

  /** Starts it on the second half of the cores, with people to request tokens for. */
  static async start(): Promise<Rig> {
    const postgres = await startTestCluster(true);
    const directory = await mkdtemp(join(tmpdir(), 'acs-identity-bench-'));
    const standIns = await StandIns.start(join(directory, 'emulator'));
    const generator = await LoadGenerator.start();
    const rig = new Rig(postgres, standIns, generator, directory);
    const cores = allCores().slice(firstHalf());
    if (cores.length > 0) for (const id of rig.processIds) await pin(id, cores);
    await generator.setPeople(await standIns.newPeople(PEOPLE));
    return rig;
  }

  /** Of everything but contenders. */
  get processIds(): number[] {
    const { postgres, standIns, generator } = this;
    const alone = [process.pid, standIns.processId, generator.processId, postgres.processId];
    return [...alone, ...childrenOf(postgres.processId)];
  }

  async newHome(kind: ContenderKind): Promise<ContenderHome> {
    const database = await cloneDatabase(this.postgres);
    const folder = join(this.directory, database.name);
    await mkdir(folder);
    const policy = join(folder, 'policy.yaml');
    await writeFile(policy, REUSE_POLICY);
    const environment = {
      ...this.standIns.environment,
      ...ENVIRONMENT,
      PATH: process.env.PATH ?? '',
      AUDIT_CHECKPOINT_FILE: join(folder, 'checkpoint'),
      ...(kind.isReusing && { POLICY_FILE: policy }),
    };
    return { database, environment };
  }

  /** Starts its processes on cores of their own, if there are enough. @param nodeOptions before the program */
  async startContender(
    kind: ContenderKind,
    home: ContenderHome,
    nodeOptions: readonly string[] = [],
  ): Promise<RunningContender> {
    const { replicas = 1 } = kind;
    const cores = replicas <= firstHalf() ? allCores().slice(0, replicas) : undefined;
    return RunningContender.start(kind, { postgres: this.postgres, ...home, cores, nodeOptions });
  }

  async postgresVersion(): Promise<string> {
    const [row] = (await execute(this.postgres.superuserUrl, 'SHOW server_version')) as {
      readonly server_version: string;
    }[];
    return row?.server_version ?? '';
  }

  async stop(): Promise<void> {
    await this.generator.stop();
    await this.standIns.stop();
    await this.postgres.remove();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Number of cores that are the contenders'. */
function firstHalf(): number {
  return Math.ceil(allCores().length / 2);
}
