import { createContext, use } from 'react';
import type { Config } from '../config.js';
import type { Session } from '../sign-in/session.js';
import type { Api } from './api.js';
import type { Me } from './me.js';

/** What a signed-in person has. */
export interface SignedIn {
  readonly api: Api;
  readonly me: Me;
  readonly session: Session;
  readonly config: Config;
}

export const SignedInContext = createContext<SignedIn | undefined>(undefined);

export function useSignedIn(): SignedIn {
  const value = use(SignedInContext);
  if (!value) throw new Error('this component is inside of SignedInContext');
  return value;
}

export function useApi(): Api {
  return useSignedIn().api;
}
