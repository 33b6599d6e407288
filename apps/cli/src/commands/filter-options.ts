import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EntryFilter } from '#libs/audit';
import { isCalendarDay } from './options.js';

/** Filters with one value, and what is searched for. */
const TEXTS = {
  reasonText: 'words in the reason, in any order',
  tokenId: 'uti or jti of the caller’s token',
  resource: 'name of the ACS resource of the target',
  scope: 'a scope of the issued token',
  fingerprint: 'fingerprint of a token, as in an entry',
  rule: 'rule of the policy that decided',
  policyVersion: 'version of the policy',
  secretVersion: 'version of the secret of the ACS key',
  requestId: 'id of the request',
  traceId: 'trace id of the request',
  displayName: 'display name of the caller or the target, exactly, unless erased',
} as const satisfies Partial<Record<keyof EntryFilter, string>>;

/** The same, of identifiers. */
const NAMES = {
  actorTenant: 'tenant of the caller',
  actorSubject: 'subject of the caller, or name of the background task or operator',
  clientApp: 'client id of the caller’s application',
  targetTenant: 'tenant of the target',
  targetSubject: 'subject of the target',
  identityId: 'id of the identity',
  communicationUserId: 'id of the ACS user',
} as const satisfies Partial<Record<keyof EntryFilter, string>>;

const ACTOR_KINDS = ['user', 'service', 'bot', 'visitor', 'system', 'operator', 'unauthenticated'];
const OUTCOMES = ['success', 'denied', 'failure', 'unknown'];

/** What the options of `addFilterOptions` give, with others. */
export type FilterOptions = EntryFilter;

/** Adds an option for each filter of a search. An entry must match all of them. */
export function addFilterOptions(command: Command): Command {
  command
    .option('--from <time>', 'recorded at this time or later: RFC 3339, or 90m, 24h, 7d ago', time)
    .option('--to <time>', 'recorded before this time', time)
    .option('--action <names...>', 'one of these actions', action)
    .option('--action-not <names...>', 'none of these actions', action)
    .addOption(new Option('--outcome <names...>', 'one of these outcomes').choices(OUTCOMES))
    .option('--reason-code <codes...>', 'one of these reasons')
    .addOption(new Option('--actor-kind <kinds...>', 'one of these kinds').choices(ACTOR_KINDS))
    .option('--actor-subject-not <ids...>', 'none of these actors')
    .addOption(
      new Option('--is-guest <claim>', 'whether the caller is a guest')
        .choices(['true', 'false'])
        .argParser((text) => isTrue(text)),
    )
    .option('--client-address <address>', 'one client address, unless erased')
    .option('--address <range>', 'client addresses such as 192.0.2.0/24, unless erased');
  for (const [name, description] of Object.entries(TEXTS)) {
    command.option(`--${dashed(name)} <text>`, description);
  }
  for (const [name, description] of Object.entries(NAMES)) {
    command.option(`--${dashed(name)} <id>`, description);
  }
  return command;
}

/** The filters among the options of a command. */
export function filterOf(options: FilterOptions): EntryFilter {
  const filters = [
    ...['from', 'to', 'action', 'actionNot', 'outcome', 'reasonCode', 'actorKind'],
    ...['actorSubjectNot', 'isGuest', 'clientAddress', 'address'],
    ...[...Object.keys(TEXTS), ...Object.keys(NAMES)],
  ];
  return Object.fromEntries(Object.entries(options).filter(([name]) => filters.includes(name)));
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function time(text: string): Date {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ago = Number(count) * UNIT_MS[(unit ?? 'm') as keyof typeof UNIT_MS];
  const parsed = count === undefined ? new Date(text) : new Date(Date.now() - ago);
  const isTime =
    count !== undefined ||
    (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && isCalendarDay(text));
  if (!isTime || Number.isNaN(parsed.getTime())) {
    throw new InvalidArgumentError('It must be a time such as 2029-01-31T23:59:59Z, or 24h.');
  }
  return parsed;
}

function action(text: string, others: readonly string[] = []): readonly string[] {
  if (!/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/.test(text)) {
    throw new InvalidArgumentError('It must be an action such as token.issue.');
  }
  return [...others, text];
}

function isTrue(text: string): boolean {
  if (text !== 'true' && text !== 'false')
    throw new InvalidArgumentError('It must be true or false.');
  return text === 'true';
}
