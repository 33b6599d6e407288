import { type CompositionOptions, examineService, type Port } from '#libs/composition';
import { SystemClock } from '#libs/platform';
import { examine } from '../doctor/examine.js';
import type { CheckResult } from '../doctor/run-checks.js';
import { settingsOf } from './config.js';
import { print } from '../standard-output.js';

export interface DoctorOptions {
  readonly json?: true;
  readonly tokenFile?: string;
  readonly timeoutSeconds: number;
}

/** Examines the service of this environment, and prints one line for each finding with its fix. */
export async function runDoctor(
  { json, tokenFile, timeoutSeconds }: DoctorOptions,
  composition: CompositionOptions,
): Promise<void> {
  const check = await examineService(await settingsOf(composition), process.env);
  const results = await examine(check, {
    clock: new SystemClock(),
    tokenFile,
    replaced: replacedPorts(composition),
    timeoutMs: timeoutSeconds * 1_000,
    onWaiting: (names) => process.stderr.write(`Waiting for ${names.join(', ')}.\n`),
  });
  const findings = results.flatMap((result) => result.findings);
  const isHealthy = findings.length === 0;
  const isComplete = skippedOf(results).length === 0;
  if (json) print(JSON.stringify({ isHealthy, isComplete, findings, checks: results }));
  else printReport(results);
  if (findings.length > 0) process.exitCode = 1;
}

function printReport(results: readonly CheckResult[]): void {
  for (const { name, findings, note, isSkipped } of results) {
    const standing = isSkipped ? 'skipped' : findings.length === 0 ? 'ok' : 'FAULT';
    print(`${standing.padEnd(8)}${name}${note === undefined ? '' : `: ${note}`}`);
  }
  const findings = results.flatMap((result) => result.findings);
  if (findings.length === 0) {
    print(`\n${summaryOf(results)}`);
    return;
  }
  print(`\n${findings.length === 1 ? 'One finding' : `${findings.length} findings`}:`);
  for (const { code, subject, detail, fix } of findings) {
    print(`${code} (${subject}): ${detail} → ${fix}`);
  }
}

function summaryOf(results: readonly CheckResult[]): string {
  const skipped = skippedOf(results).map(({ name }) => name);
  if (skipped.length === 0) return 'Everything is in order.';
  return `Nothing was found, but not everything was examined. Skipped: ${skipped.join(', ')}.`;
}

function skippedOf(results: readonly CheckResult[]): readonly CheckResult[] {
  return results.filter(({ isSkipped }) => isSkipped);
}

function replacedPorts({ replace = [] }: CompositionOptions): readonly Port[] {
  // `settingsOf` has refused any token that is not a port.
  return replace.flatMap((one) => ('ports' in one ? one.ports : [one.provide as Port]));
}
