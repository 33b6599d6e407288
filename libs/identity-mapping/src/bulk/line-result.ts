import type { Mapping } from '../model/mapping.js';

/** What became of one line. */
export interface LineResult {
  readonly line: number;
  readonly outcome: 'created' | 'unchanged' | 'failed';
  readonly id?: string;
  readonly communicationUserId?: string;
  readonly error?: { readonly code: string; readonly detail: string };
}

export function success(
  line: number,
  { id, communicationUserId }: Mapping,
  outcome: 'created' | 'unchanged',
): LineResult {
  return { line, outcome, id, ...(communicationUserId !== undefined && { communicationUserId }) };
}

export function failure(
  line: number,
  { code, detail }: { readonly code: string; readonly detail: string },
): LineResult {
  return { line, outcome: 'failed', error: { code, detail } };
}

/** Whether the next line would fail just as well. */
export function isOutage({ code }: { readonly code: string }): boolean {
  return code === 'audit-unavailable' || code === 'database-unavailable';
}
