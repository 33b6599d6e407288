import { setTimeout as delay } from 'node:timers/promises';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { type Answer, firstCall, issuances, newPeople, statusesOf } from './first-calls.js';
import type { Service } from './service.js';
import type { Person } from './tokens-api.js';
import { unknownIdentities } from './unknown-identities.js';
import { untilSettled } from './until-settled.js';

/** Replicas that are stopped in the middle of their work, while another one continues. */
export interface PauseOptions {
  /** For each replica to stop: how long after its first call to ACS. */
  readonly stopAfterMs: readonly number[];
  /** From the last stop until all of them continue. */
  readonly pausedMs: number;
  /** People who call each of them for the first time. */
  readonly firstCalls: number;
  /** People who have an identity already and call each of them. */
  readonly returning: number;
  /** First calls at the other replica that are in progress at any time of the pause. */
  readonly meanwhile: number;
}

/**
 * Stops the replicas, continues them and waits for all answers.
 *
 * @param active the replica that continues and uses the request budget
 * @returns what must not happen and did
 */
export async function pauseReplicas(
  service: Service,
  active: ApiProcess,
  options: PauseOptions,
): Promise<string[]> {
  const { control } = service.emulator;
  const since = await lastSequence(service);
  const paused = await Promise.all(options.stopAfterMs.map(async () => service.addApi()));
  using stopped = new DisposableStack();
  const bursts: Promise<Answer[]>[] = [];
  const everybody: Person[] = [];
  const known: Answer[] = [];

  for (const [nth, replica] of paused.entries()) {
    const people = await newPeople(service, options.firstCalls + options.returning);
    const returning = people.slice(0, options.returning);
    known.push(
      ...(await Promise.all(returning.map(async (person) => untilServed(active.url, person)))),
    );
    const before = await lastSequence(service);
    const answers = Promise.all(people.map(async (person) => firstCall(replica.url, person)));
    answers.catch(() => undefined); // awaited at the end
    bursts.push(answers);
    everybody.push(...people);
    while ((await lastSequence(service)) === before) await delay(5);
    await delay(options.stopAfterMs[nth]);
    stopped.defer(() => void replica.process.kill('SIGCONT'));
    replica.process.kill('SIGSTOP');
  }

  const traffic = new AbortController();
  const newcomers: { people: Person[]; answers: Answer[] }[] = [];
  const callers = Array.from({ length: options.meanwhile }, async () => {
    while (!traffic.signal.aborted) {
      const people = await newPeople(service, 1);
      const answers = await Promise.all(people.map(async (one) => firstCall(active.url, one)));
      newcomers.push({ people, answers });
    }
  });
  await delay(options.pausedMs);
  stopped.dispose();
  const answers = (await Promise.all(bursts)).flat();
  traffic.abort();
  await Promise.all(callers);
  await Promise.all(paused.map(async (replica) => replica.stop())); // records what is late
  await untilSettled(service);

  console.log(
    `stopped: ${JSON.stringify(statusesOf(answers))}, the other: ${JSON.stringify(statusesOf(newcomers.flatMap((one) => one.answers)))}`,
  );
  const calls = await control.readJournal({ service: 'acs', since });
  const throttled = calls.filter(({ status }) => status === 429).length;
  const unknown = await unknownIdentities(service);
  const all = [...everybody, ...newcomers.flatMap(({ people }) => people)];
  const { successes, withheld } = await issuances(service, all);
  const receipts = [...known, ...answers, ...newcomers.flatMap((one) => one.answers)].flatMap(
    ({ status, body }) => (status === 200 ? [body.auditEntry.id] : []),
  );
  const accounted = new Set([...receipts, ...withheld]);
  const unaccounted = successes.filter((id) => !accounted.has(id));
  const unexpected = answers.filter(({ status }) => ![200, 429, 503].includes(status));
  return [
    ...(throttled > 0 ? [`${throttled} calls that ACS refused with 429`] : []),
    ...(unknown.length > 0 ? [`${unknown.length} identities at ACS that nobody knows`] : []),
    ...(unaccounted.length > 0 ? [`${unaccounted.length} tokens recorded and not received`] : []),
    ...(unexpected.length > 0 ? [JSON.stringify(statusesOf(unexpected))] : []),
    ...(await inconsistentMappings(service)),
  ];
}

async function untilServed(url: string, person: Person): Promise<Answer> {
  for (;;) {
    const answer = await firstCall(url, person);
    if (answer.status === 200) return answer;
    await delay(500);
  }
}

async function lastSequence({ emulator }: Service): Promise<number> {
  return (await emulator.control.readJournal({ service: 'acs' })).at(-1)?.sequence ?? 0;
}

/** Each active mapping has an identity that lives at ACS; each orphan is deleted there. */
async function inconsistentMappings(service: Service): Promise<string[]> {
  const identities = await service.emulator.control.listIdentities();
  const living = new Set(identities.flatMap(({ id, deletedAt }) => (deletedAt ? [] : [id])));
  const active = await service.rows<{ id: string }>(
    `SELECT communication_user_id AS id FROM mapping WHERE status = 'active'`,
  );
  const orphans = await service.rows<{ id: string }>(
    'SELECT communication_user_id AS id FROM mapping_orphan',
  );
  return [
    ...active.filter(({ id }) => !living.has(id)).map(({ id }) => `mapped, but not at ACS: ${id}`),
    ...orphans.filter(({ id }) => living.has(id)).map(({ id }) => `an orphan at ACS: ${id}`),
  ];
}
