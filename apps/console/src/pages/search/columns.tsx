import type { ReactNode } from 'react';
import type { ListedEntry } from '../../api/api.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { actorOf, targetOf } from '../../entries/people.js';
import { PersonName, SentenceText } from '../../entries/sentence.js';
import { sentenceText, tokenMinutes } from '../../entries/sentences.js';
import { clock, instant, offset, relative, shortDay } from '../../time/format.js';
import { UTC, type Zone } from '../../time/zone.js';
import { detailsOf } from './entry-parts.js';

/** A column of the list. */
export interface Column {
  readonly title: string;
  /** Whether the title is for screen readers alone. */
  readonly isTitleHidden?: boolean;
  /** For the style sheet. */
  readonly name?: string;
  /** The least, in pixels. */
  readonly width: number;
  /** Default: the least. `2fr` is a share of the width that is left. */
  readonly maxWidth?: `${number}fr` | `${number}px`;
  readonly cell: (listed: ListedEntry, zone: Zone) => ReactNode;
  /** The whole value, where the cell may cut it off. */
  readonly tooltip?: (listed: ListedEntry, zone: Zone) => string | undefined;
}

/** Columns for one kind of question. */
export interface ColumnSet {
  readonly title: string;
  readonly columns: readonly Column[];
}

type Value = (listed: ListedEntry) => string | undefined;

type Width = number | readonly [least: number, most: NonNullable<Column['maxWidth']>];

function text(title: string, width: Width, value: Value): Column {
  const [least, most] = typeof width === 'number' ? [width] : width;
  return {
    title,
    width: least,
    ...(most && { maxWidth: most }),
    cell: (listed) => value(listed) ?? '—',
    tooltip: value,
  };
}

const time: Column = {
  title: 'time',
  name: 'time',
  width: 150,
  maxWidth: '160px',
  cell: ({ entry }, zone) => {
    const at = Date.parse(entry.recordedAt);
    return (
      <>
        <span className="date">{shortDay(at, zone)} </span>
        {clock(at, zone)}
        <span className="ms">{clock(at, zone, { hasMs: true }).slice(-4)}</span>
        {zone !== UTC && <span className="offset"> {offset(at, zone)}</span>}
      </>
    );
  },
  // The other zone, the distance from now, and the place in the log.
  tooltip: ({ entry, index }, zone) => {
    const at = Date.parse(entry.recordedAt);
    const other = zone === UTC ? new Intl.DateTimeFormat().resolvedOptions().timeZone : UTC;
    return `${instant(at, other)} · ${relative(at, Date.now())} · #${index}`;
  },
};

const outcome: Column = {
  title: 'outcome',
  isTitleHidden: true,
  width: 20,
  cell: ({ entry }) => <OutcomeSign outcome={entry.outcome} />,
};

const what: Column = {
  title: 'what happened',
  name: 'what',
  width: 220,
  maxWidth: '1fr',
  cell: (listed) => <SentenceText listed={listed} />,
  tooltip: sentenceText,
};

const who: Column = {
  title: 'who',
  name: 'who',
  width: 80,
  maxWidth: '150px',
  cell: (listed) => <PersonName person={actorOf(listed)} />,
};

const onWhom: Column = {
  title: 'on whom',
  name: 'on-whom',
  width: 80,
  maxWidth: '150px',
  cell: (listed) => {
    const person = targetOf(listed);
    return person ? <PersonName person={person} /> : '—';
  },
};

/** The columns, by the names that a browser keeps of those that a person chose. */
export const COLUMNS = {
  time,
  outcome,
  what,
  who,
  onWhom,
  action: text('action', [120, '170px'], ({ entry }) => entry.action),
  app: text('app', [70, '130px'], ({ entry }) => entry.actor.clientApp),
  address: text(
    'address',
    [80, '120px'],
    ({ entry, personal }) =>
      personal.clientAddress ?? (entry.personal?.clientAddress ? 'erased' : undefined),
  ),
  scopes: text('scopes', [90, '2fr'], ({ entry }) => entry.token?.scopes.join(', ')),
  lifetime: text('lifetime', 70, ({ entry }) => {
    const minutes = tokenMinutes(entry);
    return minutes === undefined ? undefined : `${minutes} min`;
  }),
  rule: text('rule', [90, '1fr'], ({ entry }) => entry.policy?.rule),
  policy: text('policy', [80, '1fr'], ({ entry }) => entry.policy?.version),
  secretVersion: text('secret version', [90, '1fr'], ({ entry }) => entry.upstream?.secretVersion),
  reason: text('reason', [170, '2fr'], ({ entry }) => entry.reason?.code),
  detail: text('detail', [120, '3fr'], ({ entry }) => entry.reason?.detail),
  needed: text('needed', [120, '2fr'], ({ entry }) => textOf(entry.details?.permission)),
  permissions: text('permissions', [120, '2fr'], ({ entry }) => permissionsOf(entry)),
  times: text('times', 50, ({ entry }) => textOf(entry.details?.count)),
  tenant: text('tenant', [120, '1fr'], ({ entry }) => entry.target?.tenant),
  details: text('details', [200, '4fr'], ({ entry }) => {
    const all = detailsOf(entry).map(({ name, value }) => `${name}: ${value}`);
    return all.length === 0 ? undefined : all.join(' · ');
  }),
  index: text('index', 60, ({ index }) => `#${index}`),
  recorded: text('recorded', 190, ({ entry }) => entry.recordedAt),
  entry: text('entry', 300, ({ entry }) => entry.id),
  request: text('request', 300, ({ entry }) => entry.request?.id),
  trace: text('trace', 270, ({ entry }) => entry.request?.traceId),
  session: text('session', 180, ({ entry }) => entry.actor.tokenId),
  person: text('person', 300, ({ entry }) => entry.actor.subject ?? entry.actor.name),
  onPerson: text('on person', 300, ({ entry }) => entry.target?.subject),
  identity: text('identity', 300, ({ entry }) => entry.target?.identityId),
  communicationUser: text('ACS identity', 300, ({ entry }) => entry.target?.communicationUserId),
  fingerprint: text('fingerprint', 330, ({ entry }) => entry.token?.fingerprint),
  correlation: text('ACS correlation', 200, ({ entry }) => entry.upstream?.correlationVector),
} as const satisfies Record<string, Column>;

export type ColumnName = keyof typeof COLUMNS;

const { action } = COLUMNS;
const fromStart = [time, outcome] as const;
const triage = [...fromStart, what, who, COLUMNS.app, COLUMNS.address] as const;

/** In pixels: `gap` and `padding` of `.entry-row`. */
const GAP = 10;
const PADDING = 16;

/** The widths of a set, as the style sheet takes them. */
export function widthsOf({ columns }: ColumnSet): {
  readonly tracks: string;
  readonly row: string;
} {
  const tracks = columns.map(
    ({ width, maxWidth = `${width}px` }) => `minmax(${width}px, ${maxWidth})`,
  );
  const least = columns.reduce((sum, { width }) => sum + width + GAP, 2 * PADDING - GAP);
  return { tracks: tracks.join(' '), row: `${least}px` };
}

/** The sets, by their names in the address. */
export const COLUMN_SETS = {
  triage: { title: 'Triage', columns: triage },
  issuance: {
    title: 'Issuance',
    columns: [
      ...[...fromStart, action, who, onWhom, COLUMNS.scopes, COLUMNS.lifetime],
      ...[COLUMNS.rule, COLUMNS.policy, COLUMNS.secretVersion],
    ],
  },
  refusals: {
    title: 'Refusals',
    columns: [
      ...[...fromStart, action, who, COLUMNS.reason, COLUMNS.detail],
      ...[COLUMNS.needed, COLUMNS.permissions, COLUMNS.times],
    ],
  },
  administration: {
    title: 'Administration',
    columns: [
      ...[...fromStart, action, who, onWhom, COLUMNS.tenant],
      text('reason', [120, '2fr'], ({ entry }) => entry.reason?.detail ?? entry.reason?.code),
      COLUMNS.details,
    ],
  },
  forensic: {
    title: 'Forensic',
    columns: [
      ...[COLUMNS.index, COLUMNS.recorded, outcome],
      text('action', 180, ({ entry }) => entry.action),
      ...[COLUMNS.entry, COLUMNS.request, COLUMNS.trace, COLUMNS.session],
      ...[COLUMNS.person, COLUMNS.onPerson, COLUMNS.identity, COLUMNS.communicationUser],
      ...[COLUMNS.fingerprint, COLUMNS.correlation],
    ],
  },
  /** Until the person chooses: `useColumnSet` knows what was chosen. */
  own: { title: 'Own columns', columns: triage },
} as const satisfies Record<string, ColumnSet>;

export type ColumnSetName = keyof typeof COLUMN_SETS;

export const COLUMN_SET_NAMES = Object.keys(COLUMN_SETS) as readonly ColumnSetName[]; // its own

export const DEFAULT_COLUMNS: ColumnSetName = 'triage';

export function isColumnSet(name: string): name is ColumnSetName {
  return Object.hasOwn(COLUMN_SETS, name);
}

function textOf(
  value: string | number | boolean | readonly string[] | undefined,
): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'object' ? value.join(', ') : String(value);
}

/** Those of the caller: an entry may say that there were none. */
function permissionsOf({ actor: { permissions } }: ListedEntry['entry']): string | undefined {
  return permissions?.length === 0 ? 'none' : permissions?.join(', ');
}
