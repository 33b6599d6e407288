import { useSyncExternalStore } from 'react';

/** What a browser remembers of its person: nothing of what the log says. */
export interface Preferences {
  readonly theme: 'system' | 'light' | 'dark';
  readonly zone: 'UTC' | 'local';
  readonly density: 'normal' | 'compact';
  /** Name of a set of columns of Search. */
  readonly columns: string;
  readonly areKeysOn: boolean;
  readonly showsHousekeeping: boolean;
}

const KEY = 'console.preferences';
const DEFAULTS: Preferences = {
  theme: 'system',
  zone: 'UTC',
  density: 'normal',
  columns: 'triage',
  areKeysOn: true,
  showsHousekeeping: false,
};

const listeners = new Set<() => void>();
let current: Preferences = { ...DEFAULTS, ...stored() };

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, preferences);
}

export function preferences(): Preferences {
  return current;
}

export function setPreferences(changes: Partial<Preferences>): void {
  current = { ...current, ...changes };
  localStorage.setItem(KEY, JSON.stringify(current));
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function stored(): Partial<Preferences> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>; // only this file writes it
  } catch {
    return {};
  }
}
