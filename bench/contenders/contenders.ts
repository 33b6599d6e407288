import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What the benchmark measures side by side. */
export interface ContenderKind {
  readonly name: ContenderName;
  /** In texts and as the legend of charts. */
  readonly title: string;
  /** What answers requests. Default: the bundle that production runs. */
  readonly program?: string;
  /** Where the entry of each token is found: the log, the table `issued_token`, or nowhere. */
  readonly entries: 'log' | 'table' | 'none';
  /** Processes on one database. Default 1. */
  readonly replicas?: number;
  /** Whether its policy lets tokens be reused while they are valid for long enough. Default false. */
  readonly isReusing?: boolean;
}

export type ContenderName =
  | 'service'
  | 'floor'
  | 'naive'
  | 'without-audit'
  | 'reuse'
  | 'two-replicas'
  | 'three-replicas';

/** Made by `bundleWithoutAudit`. */
export const BUNDLE_WITHOUT_AUDIT = contender('bundle/service-without-audit.js');

export const CONTENDERS: readonly ContenderKind[] = [
  { name: 'service', title: 'the service', entries: 'log' },
  { name: 'floor', title: 'the floor', program: contender('floor.js'), entries: 'table' },
  { name: 'naive', title: 'naive', program: contender('naive.js'), entries: 'table' },
  {
    name: 'without-audit',
    title: 'the service, auditing off',
    program: BUNDLE_WITHOUT_AUDIT,
    entries: 'none',
  },
  { name: 'reuse', title: 'the service, reuse on', entries: 'log', isReusing: true },
  { name: 'two-replicas', title: 'two replicas', entries: 'log', replicas: 2 },
  { name: 'three-replicas', title: 'three replicas', entries: 'log', replicas: 3 },
];

/** Bundles the service without its audit entries as the service is bundled. */
export async function bundleWithoutAudit(): Promise<void> {
  await promisify(execFile)(process.execPath, ['scripts/bundle-contender.mjs']);
}

/** @throws for a contender that is none */
export function contenderKind(name: string): ContenderKind {
  const kind = CONTENDERS.find((one) => one.name === name);
  if (!kind) throw new Error(`unknown contender ${name}: use ${names()}`);
  return kind;
}

function names(): string {
  return CONTENDERS.map(({ name }) => name).join(', ');
}

/** A built file of this folder. */
function contender(file: string): string {
  return fileURLToPath(new URL(`./${file}`, import.meta.url));
}
