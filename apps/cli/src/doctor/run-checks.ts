import { setTimeout as delay } from 'node:timers/promises';
import { explain } from '#libs/platform';
import { type Finding, finding } from './findings.js';

/** What a check says: what it found, and what was examined, or why it was not. */
export interface CheckReport {
  readonly findings: readonly Finding[];
  readonly note?: string;
  readonly isSkipped?: true;
}

/** One part of the examination. Writes nothing that stays, anywhere. */
export interface Check {
  readonly name: string;
  /** @param signal aborts at the deadline of the check */
  readonly run: (signal: AbortSignal) => Promise<CheckReport>;
}

/** A check and its report. */
export interface CheckResult extends CheckReport {
  readonly name: string;
  readonly durationMs: number;
}

export interface RunOptions {
  /** Of each check. */
  readonly timeoutMs: number;
  /** Called from time to time with the names of the checks that still run. */
  readonly onWaiting?: (names: readonly string[]) => void;
}

const WAITING_INTERVAL_MS = 3_000;

/** The report of a check that had nothing to examine. */
export function skipped(note: string): CheckReport {
  return { findings: [], note, isSkipped: true };
}

/** A check that can not be made. */
export function skippedCheck(name: string, why = 'its settings are not valid'): Check {
  return { name, run: async () => Promise.resolve(skipped(why)) };
}

/** Runs the checks at once, each with its own deadline. Never rejects: no check hides another. */
export async function runChecks(
  checks: readonly Check[],
  { timeoutMs, onWaiting = () => undefined }: RunOptions,
): Promise<CheckResult[]> {
  const running = new Set(checks.map(({ name }) => name));
  const progress = setInterval(() => {
    onWaiting([...running]);
  }, WAITING_INTERVAL_MS);
  try {
    return await Promise.all(
      checks.map(async (check) => {
        const startedAt = performance.now();
        const report = await runOne(check, timeoutMs);
        running.delete(check.name);
        return {
          name: check.name,
          ...report,
          durationMs: Math.round(performance.now() - startedAt),
        };
      }),
    );
  } finally {
    clearInterval(progress);
  }
}

async function runOne({ name, run }: Check, timeoutMs: number): Promise<CheckReport> {
  const deadline = new AbortController();
  const over = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: over.signal }).then(
    () => ({
      findings: [finding('check-timed-out', name, `no result within ${timeoutMs / 1000} s`)],
    }),
    () => ({ findings: [] }), // the check has ended
  );
  try {
    return await Promise.race([run(deadline.signal), late]);
  } catch (error) {
    return { findings: [finding('check-failed', name, explain(error))] };
  } finally {
    over.abort();
    deadline.abort();
  }
}
