import type { Traced } from './trace-token.js';

let handed: Traced | undefined;

/** Hands what is to be traced from the search box to the trace page, past the address and every storage. */
export function handToken(traced: Traced): void {
  handed = traced;
}

/** @returns it, once */
export function takeToken(): Traced | undefined {
  const traced = handed;
  handed = undefined;
  return traced;
}
