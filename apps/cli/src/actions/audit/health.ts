import { type AuditHealth, AuditOverview, type PartHealth, type WitnessHealth } from '#libs/audit';
import { SinkOverview } from '#libs/audit-delivery';
import { type CompositionOptions, healthPart } from '#libs/composition';
import { withPart } from '../service-part.js';
import { printable } from './printable.js';
import { printSinkTable } from './sinks.js';
import { print } from '../../standard-output.js';

export interface HealthOptions {
  readonly databaseUrl: string;
  readonly json?: true;
}

/** Prints how the log does, with what operators need and auditors do not get. */
export async function printHealth(
  { databaseUrl, json }: HealthOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { health, sinks } = await withPart(
    healthPart,
    databaseUrl,
    composition,
    async (service) => ({
      health: await service.get(AuditOverview).read(),
      sinks: await service.get(SinkOverview).statuses(),
    }),
  );
  if (json) print(JSON.stringify({ ...health, sinks }));
  else {
    printLog(health);
    health.verification.forEach(printPart);
    printWitnesses(health.witnesses);
    printSinkTable(sinks);
  }
  const hasFailed = sinks.some(({ state }) => state?.failure !== undefined);
  if (health.concerns.length > 0 || hasFailed) process.exitCode = 1;
}

function printLog({ log: { size, checkpointAt, oldest, months } }: AuditHealth): void {
  print(`Log: ${size} entries, the newest checkpoint of ${timeOf(checkpointAt)}`);
  if (oldest) {
    const kept = months.length === 0 ? '' : `; months ${months.join(', ')}`;
    print(`Stored: from #${oldest.index} of ${timeOf(oldest.recordedAt)}${kept}`);
  }
}

function printPart({ name, progress, passStartedAt, verifiedEntries, findings }: PartHealth): void {
  const isWaiting = passStartedAt.getTime() > Date.now();
  const pass = isWaiting
    ? `next pass ${timeOf(passStartedAt)}`
    : `${Math.floor(progress * 100)} % of the pass of ${timeOf(passStartedAt)}`;
  const upTo = verifiedEntries === undefined ? '' : `; new entries up to ${verifiedEntries}`;
  print(`Checks of ${name}: ${pass}${upTo}; findings: ${findings.length}`);
  for (const { kind, detail } of findings) print(printable(`  ${kind}: ${detail}`));
}

function printWitnesses(health: WitnessHealth | undefined): void {
  if (!health) {
    print('No witnesses: AUDIT_WITNESS_POLICY_FILE is not set.');
    return;
  }
  const { witnessed, witnesses } = health;
  print(
    witnessed
      ? `Quorum: the first ${witnessed.size} entries, at ${timeOf(witnessed.cosignedAt)}`
      : 'Quorum: NONE',
  );
  for (const { name, cosignedSize, failure, failureDetail = '', failingSince } of witnesses) {
    const size = cosignedSize === 0 ? 'nothing cosigned' : `cosigned ${cosignedSize} entries`;
    print(`Witness ${name}: ${size}${failure === undefined ? '' : ', FAILS'}`);
    if (failure === undefined) continue;
    print(printable(`  ${failure} since ${timeOf(failingSince)}: ${failureDetail}`));
  }
}

function timeOf(time: Date | undefined): string {
  return time?.toISOString() ?? '–';
}
