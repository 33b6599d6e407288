import type { Service } from '../../support/service.js';
import type { AnsweredChange } from './assignment-traffic.js';

interface Row {
  readonly id: string;
  readonly object_id: string;
  readonly principal_type: string;
  readonly client_ids: readonly string[];
  readonly status: string;
  readonly version: number;
}

interface Entry {
  readonly action: string;
  readonly outcome: string;
  readonly target?: { readonly subject?: string };
  readonly details?: {
    readonly stage?: string;
    readonly assignment?: string;
    readonly version?: number;
    readonly principalType?: string;
    readonly clientIds?: readonly string[];
  };
}

/**
 * Checks that the list of assignments, ACS, the audit log and the answers to clients agree.
 *
 * @returns the failures
 */
export async function checkAssignments(
  service: Service,
  answers: readonly AnsweredChange[],
): Promise<string[]> {
  const rows = await service.rows<Row>(
    'SELECT *, client_ids::text[] AS client_ids FROM teams_phone_assignment',
  );
  const all = (await service.auditEntries()) as unknown as Entry[]; // entries have more members than their type
  const entries = all.filter(({ action }) => /^teams-phone\.(un)?assign$/.test(action));
  const failures = [
    ...(await differencesFromAcs(service, rows)),
    ...rows.flatMap((row) => differencesFromLog(row, entries)),
    ...(await unrecordedCalls(service, entries)),
    ...answers.flatMap((answer) => unfounded(answer, entries)),
  ];
  const count = (status: string): number => rows.filter((row) => row.status === status).length;
  const unknown = entries.filter(({ outcome }) => outcome === 'unknown').length;
  console.log(
    `${count('active')} active and ${count('deleted')} deleted assignments, ${entries.length} entries about them, ${unknown} of them of unknown outcome`,
  );
  return failures;
}

/** Every assignment of the list that is not deleted is at ACS with the same content, and nothing else is. */
async function differencesFromAcs(service: Service, rows: readonly Row[]): Promise<string[]> {
  const failures: string[] = [];
  const live = rows.filter(({ status }) => status !== 'deleted');
  for (const { id, status } of live) {
    if (status !== 'active') failures.push(`${id} is ${status} in the end`);
  }
  const listed = new Set(
    live.map((row) => contentOf(row.object_id, row.principal_type, row.client_ids)),
  );
  if (listed.size !== live.length) failures.push('somebody has two assignments');
  const atAcs = new Set(
    (await service.emulator.control.listAssignments()).map((one) =>
      contentOf(one.objectId, one.principalType, one.clientIds),
    ),
  );
  for (const one of listed) if (!atAcs.has(one)) failures.push(`ACS lacks ${one}`);
  for (const one of atAcs) if (!listed.has(one)) failures.push(`the list lacks ${one}`);
  return failures;
}

/** The entries of an assignment lead to its row: the last requested version, and what ACS has confirmed of it. */
function differencesFromLog(row: Row, entries: readonly Entry[]): string[] {
  const own = entries.filter(({ details }) => details?.assignment === row.id);
  const last = own.findLast(({ outcome, details }) => isRequest(outcome, details?.stage));
  const isConfirmed = own.some(
    ({ outcome, details }) =>
      outcome === 'success' && details?.stage === 'confirmed' && details.version === row.version,
  );
  const status = last?.action === 'teams-phone.assign' ? 'active' : 'deleted';
  if (last?.details?.version !== row.version || !isConfirmed || status !== row.status) {
    return [`${row.id} is ${row.status} in version ${row.version}, which the log does not say`];
  }
  const { principalType, clientIds } = last.details;
  const content = contentOf(row.object_id, principalType ?? '', clientIds ?? []);
  return status === 'deleted' ||
    content === contentOf(row.object_id, row.principal_type, row.client_ids)
    ? []
    : [`${row.id} has other content than the log says`];
}

/** Each call that ACS has answered is recorded as confirmed, or there is an entry that its outcome is unknown. */
async function unrecordedCalls(service: Service, entries: readonly Entry[]): Promise<string[]> {
  const failures: string[] = [];
  const calls = (await service.emulator.control.readJournal({ service: 'acs' })).filter(
    ({ operation }) => operation === 'assign' || operation === 'unassign',
  );
  const people = new Set(calls.map(({ path }) => path.split('/').at(-1) ?? ''));
  for (const objectId of people) {
    const own = calls.filter(({ path }) => path.endsWith(objectId));
    const answered = own.filter(({ status = 0 }) => status >= 200 && status < 300).length;
    const recorded = entries.filter(
      ({ outcome, target, details }) =>
        target?.subject === objectId &&
        (outcome === 'unknown' || (outcome === 'success' && details?.stage === 'confirmed')),
    ).length;
    if (answered > recorded) {
      failures.push(
        `ACS has answered ${answered} calls about ${objectId}, recorded are ${recorded}`,
      );
    }
  }
  return failures;
}

/** What a response said happened stands in the log. */
function unfounded(
  { objectId, method, status, version }: AnsweredChange,
  entries: readonly Entry[],
): string[] {
  if (status >= 400) return [];
  const action = method === 'PUT' ? 'teams-phone.assign' : 'teams-phone.unassign';
  const stage = status === 202 ? 'requested' : 'confirmed';
  const isFounded = entries.some(
    (entry) =>
      entry.action === action &&
      entry.outcome === 'success' &&
      entry.target?.subject === objectId &&
      entry.details?.stage === stage &&
      (version === undefined || entry.details.version === version),
  );
  return isFounded ? [] : [`${method} ${status} of ${objectId}: no ${stage} entry`];
}

function isRequest(outcome: string, stage: string | undefined): boolean {
  return outcome === 'success' && stage === 'requested';
}

/** @param type as this service or as ACS calls it */
function contentOf(objectId: string, type: string, clientIds: readonly string[]): string {
  const kind = type === 'user' ? 'user' : 'resource account';
  return `${objectId}, a ${kind}, for ${[...clientIds].sort().join(' ') || 'any application'}`;
}
