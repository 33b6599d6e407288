import { useSyncExternalStore } from 'react';
import { holdsToken } from '#libs/token-text';
import { type Fragment, parseFragment } from './fragment.js';
import { handText } from './handed-text.js';

/**
 * Where the person is, in the fragment: `#/search?outcome=denied`. It reaches no server, proxy or referrer.
 *
 * `personal` has the filters by personal values. They are in the state of the history entry, and so in no
 * link and not in the browser's list of visited pages.
 */
export interface Address extends Fragment {
  readonly personal: Readonly<Record<string, string>>;
}

const listeners = new Set<() => void>();
let current = read();

addEventListener('popstate', update);
addEventListener('hashchange', update);

export function useAddress(): Address {
  return useSyncExternalStore(subscribe, address);
}

export function address(): Address {
  return current;
}

/** What leads back to an address: personal values have to be carried apart from its fragment. */
export interface Place {
  readonly fragment: string;
  readonly personal: Address['personal'];
}

export function here(): Place {
  return { fragment: location.hash, personal: current.personal };
}

/** Opens a place as the page begins: of a link, or where the sign-in began. An empty fragment is no page yet. */
export function openAt(fragment: string, personal: Place['personal'] = {}): void {
  history.replaceState({ personal }, '', fragment);
  update();
}

export interface Destination {
  /** Default: the current page. */
  readonly page?: string;
  readonly id?: string;
  readonly parameters?: URLSearchParams;
  readonly personal?: Readonly<Record<string, string>>;
  /** Whether it takes the place of the current entry of the history. */
  readonly replaces?: boolean;
}

/** Whatever holds a token goes to Trace instead, and not into the address and the history. */
export function go(destination: Destination): void {
  const { page = current.page, id, replaces = false, personal = {} } = destination;
  const secret = textsOf(destination).find(holdsToken);
  if (secret !== undefined) {
    handText(secret);
    go({ page: 'trace' });
    return;
  }
  const fragment = fragmentOf({ page, id, parameters: destination.parameters });
  if (replaces) history.replaceState({ personal }, '', fragment);
  else history.pushState({ personal }, '', fragment);
  update();
}

/** Changes parameters of the current page. An undefined value removes its parameter. */
export function change(
  values: Readonly<Record<string, string | readonly string[] | undefined>>,
  { replaces = false } = {},
): void {
  const parameters = new URLSearchParams(current.parameters);
  for (const [name, value] of Object.entries(values)) {
    parameters.delete(name);
    if (value === undefined) continue;
    for (const one of typeof value === 'string' ? [value] : value) parameters.append(name, one);
  }
  const { page, id, personal } = current;
  go({ page, ...(id !== undefined && { id }), parameters, personal, replaces });
}

export function fragmentOf({
  page,
  id,
  parameters,
}: {
  readonly page: string;
  readonly id?: string | undefined;
  readonly parameters?: URLSearchParams | undefined;
}): string {
  const query = parameters?.toString() ?? '';
  const path = id === undefined ? page : `${page}/${encodeURIComponent(id)}`;
  return `#/${path}${query === '' ? '' : `?${query}`}`;
}

function textsOf({ id = '', parameters, personal = {} }: Destination): readonly string[] {
  return [id, ...(parameters?.values() ?? []), ...Object.values(personal)];
}

function update(): void {
  current = read();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function read(): Address {
  const state = history.state as { readonly personal?: Record<string, string> } | null; // `go` writes it
  return { ...parseFragment(location.hash), personal: state?.personal ?? {} };
}
