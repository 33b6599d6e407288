import { SinkOverview, type SinkStatus } from '#libs/audit-delivery';
import { type CompositionOptions, sinksPart } from '#libs/composition';
import { withPart } from '../service-part.js';
import { print } from '../../standard-output.js';

export interface SinkTestOptions {
  readonly databaseUrl: string;
}

export interface SinkStatusOptions extends SinkTestOptions {
  readonly json?: true;
}

/** Prints the state of each sink. */
export async function printSinks(
  { databaseUrl, json }: SinkStatusOptions,
  composition: CompositionOptions,
): Promise<void> {
  const statuses = await withPart(sinksPart, databaseUrl, composition, async (service) =>
    service.get(SinkOverview).statuses(),
  );
  if (json) print(JSON.stringify(statuses));
  else printSinkTable(statuses);
  if (statuses.some(({ state }) => state?.failure !== undefined)) process.exitCode = 1;
}

/** Sends a record to a sink and prints its id. */
export async function testSink(
  name: string,
  { databaseUrl }: SinkTestOptions,
  composition: CompositionOptions,
): Promise<void> {
  const id = await withPart(sinksPart, databaseUrl, composition, async (service) =>
    service.get(SinkOverview).test(name),
  );
  print(`The receiver confirmed record ${id} of the action x-sink.test.`);
}

export function printSinkTable(statuses: readonly SinkStatus[]): void {
  if (statuses.length === 0) {
    print('No sink is configured: AUDIT_SINKS_FILE is not set.');
    return;
  }
  for (const { name, type, state, lagEntries, lagSeconds } of statuses) {
    const lag =
      lagEntries === 0 ? 'nothing to deliver' : `${lagEntries} behind, ${Math.round(lagSeconds)} s`;
    print(`${name} (${type}): ${standingOf(state)}; ${lag}; next index ${state?.nextIndex ?? 0}`);
    if (state?.failure === undefined) continue;
    const { failure, failureDetail = '', failingSince, retryAt } = state;
    print(`  ${failure} since ${timeOf(failingSince)}: ${failureDetail}`);
    print(`  next attempt ${retryAt?.toISOString() ?? 'of each replica within 5 minutes'}`);
  }
}

function standingOf(state: SinkStatus['state']): string {
  if (state === undefined) return 'not begun';
  if (state.failure !== undefined) return 'FAILS';
  return state.isLeased ? 'works' : 'no process delivers';
}

function timeOf(time: Date | undefined): string {
  return time?.toISOString() ?? '–';
}
