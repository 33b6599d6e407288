import { useMemo, useSyncExternalStore } from 'react';
import { fragmentOf } from '../../shell/address.js';
import { store, stored } from '../../shell/storage.js';
import { absolute, lastNight, parseInstant } from '../../time/range.js';
import { rfc3339 } from '../../time/format.js';
import { UTC, type Zone } from '../../time/zone.js';
import { definitionOf } from './filters.js';

/** A search under a name. */
export interface View {
  readonly name: string;
  /** Such as `#/search?outcome=denied`. It has no personal values. */
  readonly fragment: string;
}

export const MAX_NAME_LENGTH = 60;

const KEY = 'console.views';
const listeners = new Set<() => void>();

/** The views that this browser has, by name. Another tab may change them. */
export function useViews(): readonly View[] {
  const text = useSyncExternalStore(subscribe, storedText);
  return useMemo(() => parse(text), [text]);
}

/** @returns whether it was saved: a name is that of one view */
export function saveView(view: View): boolean {
  const views = parse(storedText());
  if (isTaken(views, view.name)) return false;
  storeViews([...views, view]);
  return true;
}

/** @returns whether it was renamed: a name is that of one view */
export function renameView(before: string, name: string): boolean {
  const views = parse(storedText());
  const others = views.filter((view) => view.name !== before);
  if (isTaken(others, name)) return false;
  storeViews(views.map((view) => (view.name === before ? { ...view, name } : view)));
  return true;
}

export function deleteView(name: string): void {
  storeViews(parse(storedText()).filter((view) => view.name !== name));
}

/** Parameters of one moment, or of one person's settings. */
const NOT_SAVED: ReadonlySet<string> = new Set(['entry', 'tz']);

/**
 * The fragment of a search as a view keeps it.
 *
 * @param columns the columns that are shown, whether or not the address names them
 */
export function viewFragment(parameters: URLSearchParams, columns: string): string {
  const kept = new URLSearchParams();
  for (const [name, value] of parameters) {
    const isPersonal = definitionOf(name)?.isPersonal === true;
    if (!isPersonal && !NOT_SAVED.has(name)) kept.append(name, value);
  }
  kept.set('columns', columns);
  return fragmentOf({ page: 'search', parameters: kept });
}

/** Acts that change identities, tokens, settings or the log, or take data out of the service. */
const ADMINISTRATIVE_ACTS = [
  ...['token.revoke', 'revocation.start', 'revocation.end'],
  ...['identity.update', 'identity.suspend', 'identity.resume', 'identity.delete'],
  ...['identity.import', 'identity.export', 'invitation.create', 'invitation.end'],
  ...['teams-phone.assign', 'teams-phone.unassign', 'teams-phone.import', 'teams-phone.export'],
  ...['policy.load', 'configuration.load', 'secret.rotate'],
  ...['audit.export', 'audit.erase', 'audit.retain'],
].map((action): [string, string] => ['action', action]);

/** The views that come with the console. @param zone of “today” and of “last night” */
export function shippedViews(zone: Zone, now: number): readonly View[] {
  const midnight = rfc3339(parseInstant('today', zone, now) ?? now, UTC);
  const view = (name: string, parameters: readonly (readonly [string, string])[]): View => ({
    name,
    fragment: fragmentOf({
      page: 'search',
      parameters: new URLSearchParams(parameters.map(([key, value]) => [key, value])),
    }),
  });
  return [
    view('Refusals today', [
      ['from', midnight],
      ['outcome', 'denied'],
      ['columns', 'refusals'],
    ]),
    view('Tokens of last night', [
      ...Object.entries(absolute(lastNight(zone, now), now)),
      ['action', 'token.issue'],
      ['action', 'token.reuse'],
      ['action', 'token.exchange'],
      ['columns', 'issuance'],
    ]),
    view('Administrative acts', [
      ['range', '7d'],
      ...ADMINISTRATIVE_ACTS,
      ['columns', 'administration'],
    ]),
    view('Readings of the log', [
      ['range', '24h'],
      ['action', 'audit.read'],
      ['action', 'audit.export'],
      ['action', 'audit.trace'],
      ['columns', 'administration'],
    ]),
    view('Guests', [
      ['range', '7d'],
      ['isGuest', 'true'],
      ['columns', 'triage'],
    ]),
  ];
}

function isTaken(views: readonly View[], name: string): boolean {
  return views.some((view) => view.name === name);
}

function storedText(): string {
  return stored(KEY) ?? '[]';
}

function storeViews(views: readonly View[]): void {
  store(KEY, JSON.stringify(views));
  for (const listener of listeners) listener();
}

/** What is no view is left out: the person, or another release, may have changed it. */
function parse(text: string): readonly View[] {
  try {
    const values = JSON.parse(text) as unknown;
    if (!Array.isArray(values)) return [];
    return values.filter(isView).toSorted((a, b) => a.name.localeCompare(b.name));
  } catch {
    return [];
  }
}

function isView(value: unknown): value is View {
  if (typeof value !== 'object' || value === null) return false;
  const { name, fragment } = value as Partial<Record<keyof View, unknown>>; // checked below
  return (
    typeof name === 'string' && typeof fragment === 'string' && fragment.startsWith('#/search?')
  );
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('storage', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('storage', listener);
  };
}
