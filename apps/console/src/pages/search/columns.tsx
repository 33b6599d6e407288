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

const action = text('action', [120, '170px'], ({ entry }) => entry.action);
const fromStart = [time, outcome] as const;

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
  triage: {
    title: 'Triage',
    columns: [
      ...fromStart,
      what,
      who,
      text('app', [70, '130px'], ({ entry }) => entry.actor.clientApp),
      text(
        'address',
        [80, '120px'],
        ({ entry, personal }) =>
          personal.clientAddress ?? (entry.personal?.clientAddress ? 'erased' : undefined),
      ),
    ],
  },
  issuance: {
    title: 'Issuance',
    columns: [
      ...fromStart,
      action,
      who,
      onWhom,
      text('scopes', [90, '2fr'], ({ entry }) => entry.token?.scopes.join(', ')),
      text('lifetime', 70, ({ entry }) => {
        const minutes = tokenMinutes(entry);
        return minutes === undefined ? undefined : `${minutes} min`;
      }),
      text('rule', [90, '1fr'], ({ entry }) => entry.policy?.rule),
      text('policy', [80, '1fr'], ({ entry }) => entry.policy?.version),
      text('secret version', [90, '1fr'], ({ entry }) => entry.upstream?.secretVersion),
    ],
  },
  refusals: {
    title: 'Refusals',
    columns: [
      ...fromStart,
      action,
      who,
      text('reason', [170, '2fr'], ({ entry }) => entry.reason?.code),
      text('detail', [120, '3fr'], ({ entry }) => entry.reason?.detail),
      text('needed', [120, '2fr'], ({ entry }) => textOf(entry.details?.required)),
      text('permissions', [120, '2fr'], ({ entry }) => permissionsOf(entry)),
      text('times', 50, ({ entry }) => textOf(entry.details?.count)),
    ],
  },
  administration: {
    title: 'Administration',
    columns: [
      ...fromStart,
      action,
      who,
      onWhom,
      text('tenant', [120, '1fr'], ({ entry }) => entry.target?.tenant),
      text('reason', [120, '2fr'], ({ entry }) => entry.reason?.detail ?? entry.reason?.code),
      text('details', [200, '4fr'], ({ entry }) => {
        const all = detailsOf(entry).map(({ name, value }) => `${name}: ${value}`);
        return all.length === 0 ? undefined : all.join(' · ');
      }),
    ],
  },
  forensic: {
    title: 'Forensic',
    columns: [
      text('index', 60, ({ index }) => `#${index}`),
      text('recorded', 190, ({ entry }) => entry.recordedAt),
      outcome,
      text('action', 180, ({ entry }) => entry.action),
      text('entry', 300, ({ entry }) => entry.id),
      text('request', 300, ({ entry }) => entry.request?.id),
      text('trace', 270, ({ entry }) => entry.request?.traceId),
      text('session', 180, ({ entry }) => entry.actor.tokenId),
      text('person', 300, ({ entry }) => entry.actor.subject ?? entry.actor.name),
      text('on person', 300, ({ entry }) => entry.target?.subject),
      text('identity', 300, ({ entry }) => entry.target?.identityId),
      text('ACS identity', 300, ({ entry }) => entry.target?.communicationUserId),
      text('fingerprint', 330, ({ entry }) => entry.token?.fingerprint),
      text('ACS correlation', 200, ({ entry }) => entry.upstream?.correlationVector),
    ],
  },
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
