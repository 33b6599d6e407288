import { type AuditEntryRecord, AuditLogService, type EntryFilter } from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import { operatorActor, type OperatorOptions, withPart } from '../service-part.js';
import { knownFilter } from './known-filter.js';
import { printable } from './printable.js';
import { print } from '../../standard-output.js';

export interface SearchOptions extends OperatorOptions {
  readonly filter: EntryFilter;
  readonly limit: number;
  readonly order: 'ascending' | 'descending';
  readonly json?: true;
}

export interface TailOptions extends Omit<SearchOptions, 'order' | 'limit'> {
  readonly lines: number;
  readonly follow?: true;
}

const MAX_PAGE = 1000;

/** Prints the entries that match, up to a number of them. */
export async function searchLog(
  options: SearchOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { order, databaseUrl, json = false } = options;
  const reader = { actor: operatorActor(options) };
  await withPart(auditPart, databaseUrl, composition, async (service) => {
    const filter = await knownFilter(options.filter, service.get(AuditLogService), reader);
    let left = options.limit;
    let place: { before?: number | undefined; after?: number | undefined } = {};
    while (left > 0) {
      const query = { ...filter, ...place, order, limit: Math.min(left, MAX_PAGE) };
      const page = await service.get(AuditLogService).search(reader, query);
      for (const entry of page.items) printEntry(entry, json);
      left -= page.items.length;
      place = { before: page.nextBefore, after: page.nextAfter };
      if (page.isComplete) {
        if (left === options.limit) console.error('No entry matches.');
        return;
      }
    }
    console.error('There are more entries (--limit).');
  });
}

/** Prints the newest entries that match, then, when it follows, those that are recorded later. */
export async function tailLog(
  options: TailOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { lines, follow = false, databaseUrl, json = false } = options;
  const stop = new AbortController();
  const abort = (): void => {
    stop.abort();
  };
  process.once('SIGINT', abort).once('SIGTERM', abort);
  const reader = { actor: operatorActor(options) };
  await withPart(auditPart, databaseUrl, composition, async (service) => {
    const log = service.get(AuditLogService);
    const filter = await knownFilter(options.filter, log, reader);
    const request = { newest: lines, signal: follow ? stop.signal : AbortSignal.abort() };
    for await (const { items } of log.follow(reader, filter, request)) {
      for (const entry of items) printEntry(entry, json);
    }
  });
}

function printEntry(recorded: AuditEntryRecord, json: boolean): void {
  const { index, entry, personal, isDamaged } = recorded;
  if (json) {
    print(JSON.stringify({ index, entry, personal, isDamaged }));
    return;
  }
  const { actor, target, policy, reason } = entry;
  const who = [actor.kind, actor.subject ?? actor.name, quoted(personal.actorDisplayName)];
  const onWhom = target?.subject === actor.subject ? undefined : target?.subject;
  const cells = [
    entry.recordedAt,
    `#${index}`.padEnd(9),
    entry.outcome.padEnd(7),
    entry.action.padEnd(20),
    who.filter(Boolean).join(' '),
    ...(onWhom === undefined ? [] : [`on ${onWhom}`]),
    ...(personal.clientAddress === undefined ? [] : [`from ${personal.clientAddress}`]),
    ...(policy ? [`rule ${policy.rule}`] : []),
    ...(reason ? [reason.code] : []),
    ...(isDamaged ? ['DAMAGED: the stored bytes or personal values are not those of the log'] : []),
  ];
  print(printable(cells.join('  ')));
}

function quoted(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `“${name}”`;
}
