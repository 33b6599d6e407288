import { type ComponentType, lazy } from 'react';
import type { Me } from '../api/me.js';

/** A page of the console. Each is a file of its own, loaded when somebody opens it. */
export interface PageDefinition {
  /** Its part of the address: `#/search`. */
  readonly path: string;
  readonly title: string;
  /** The second key of `g …`. */
  readonly key: string;
  readonly component: ComponentType;
  readonly load: () => Promise<unknown>;
  /** Whether the navigation shows it to somebody. The service decides what they may do. */
  readonly isFor: (me: Me) => boolean;
}

const DEFINITIONS: readonly (Omit<PageDefinition, 'component' | 'load'> & {
  readonly load: () => Promise<{ default: ComponentType }>;
})[] = [
  {
    path: 'overview',
    title: 'Overview',
    key: 'o',
    load: async () => import('./overview/overview-page.js'),
    isFor: ({ audit }) => audit === 'all',
  },
  {
    path: 'search',
    title: 'Search',
    key: 's',
    load: async () => import('./search/search-page.js'),
    isFor: ({ audit }) => audit !== 'none',
  },
  {
    path: 'trace',
    title: 'Trace',
    key: 't',
    load: async () => import('./trace/trace-page.js'),
    isFor: ({ audit }) => audit === 'all',
  },
  {
    path: 'proof',
    title: 'Proof',
    key: 'p',
    load: async () => import('./proof/proof-page.js'),
    isFor: ({ audit }) => audit !== 'none',
  },
  {
    path: 'identities',
    title: 'Identities',
    key: 'i',
    load: async () => import('./identities/identities-page.js'),
    isFor: () => true,
  },
  {
    path: 'about',
    title: 'About',
    key: 'a',
    load: async () => import('./about/about-page.js'),
    isFor: () => true,
  },
];

export const PAGES: readonly PageDefinition[] = DEFINITIONS.map((definition) => ({
  ...definition,
  component: lazy(definition.load),
}));

/** Where somebody begins who followed no link. */
export function firstPage(me: Me): string {
  return me.audit === 'none' ? 'identities' : 'search';
}
