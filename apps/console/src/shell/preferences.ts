import { useSyncExternalStore } from 'react';
import { store, stored } from './storage.js';

/** What a browser remembers of its person: nothing of what the log says. */
export interface Preferences {
  readonly theme: 'system' | 'light' | 'dark';
  readonly zone: 'UTC' | 'local';
  readonly density: 'normal' | 'compact';
  /** Name of a set of columns of Search. */
  readonly columns: string;
  /** Of Search, which reads them: the names of columns and their widths. */
  readonly ownColumns: unknown;
  readonly areKeysOn: boolean;
  readonly showsHousekeeping: boolean;
}

const KEY = 'console.preferences';
const DEFAULTS: Preferences = {
  theme: 'system',
  zone: 'UTC',
  density: 'normal',
  columns: 'triage',
  ownColumns: [],
  areKeysOn: true,
  showsHousekeeping: false,
};

/** What may be chosen, where that is one of some texts. */
const CHOICES: Readonly<Partial<Record<string, readonly unknown[]>>> = {
  theme: ['system', 'light', 'dark'],
  zone: ['UTC', 'local'],
  density: ['normal', 'compact'],
} satisfies { [Name in keyof Preferences]?: readonly Preferences[Name][] };

const listeners = new Set<() => void>();
let current = storedPreferences();

// Of another tab.
addEventListener('storage', ({ key }) => {
  if (key === KEY) show(storedPreferences());
});

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, preferences);
}

export function preferences(): Preferences {
  return current;
}

/** Changes these alone: another tab may have changed others. */
export function setPreferences(changes: Partial<Preferences>): void {
  const changed = { ...storedPreferences(), ...changes };
  store(KEY, JSON.stringify(changed));
  show(changed);
}

function show(preferences: Preferences): void {
  current = preferences;
  for (const listener of listeners) listener();
}

function storedPreferences(): Preferences {
  return readPreferences(stored(KEY) ?? '{}');
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What is no preference is left out: the person, or another release, may have changed it. */
export function readPreferences(text: string): Preferences {
  return {
    ...DEFAULTS,
    ...Object.fromEntries(Object.entries(objectIn(text)).filter(isPreference)),
  };
}

function isPreference([name, value]: readonly [string, unknown]): boolean {
  if (!Object.hasOwn(DEFAULTS, name)) return false;
  const isOfKind = typeof value === typeof DEFAULTS[name as keyof Preferences]; // it has the name
  return isOfKind && (CHOICES[name]?.includes(value) ?? true);
}

function objectIn(text: string): object {
  try {
    return Object(JSON.parse(text)) as object;
  } catch {
    return {};
  }
}
