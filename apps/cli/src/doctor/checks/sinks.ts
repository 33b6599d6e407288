import {
  type AuditDeliverySettings,
  type ConfiguredSinks,
  SinkFailure,
} from '#libs/audit-delivery';
import { explain } from '#libs/platform';
import { type Finding, finding } from '../findings.js';
import { type Check, type CheckReport, skipped } from '../run-checks.js';
import type { ExaminedDatabase } from './database-connection.js';

interface SinkRow {
  readonly name: string;
  readonly failure: string;
  readonly failureDetail: string | null;
  readonly failingSince: Date | null;
}

/** Whether the last delivery to each configured sink failed, as the replicas have noted it. */
export function sinksCheck({ sinks }: AuditDeliverySettings, examined: ExaminedDatabase): Check {
  return {
    name: 'sinks of the audit log',
    run: async () => {
      if (!(await examined.isUsable())) return skipped('the database can not be used');
      const rows = await examined.database.query<SinkRow>(
        `SELECT name, failure, failure_detail AS "failureDetail", failing_since AS "failingSince"
         FROM audit_sink WHERE failure IS NOT NULL AND name = ANY ($1) ORDER BY name`,
        [sinks.map(({ name }) => name)],
      );
      const findings = rows.map(({ name, failure, failureDetail, failingSince }) => {
        const since = failingSince ? ` since ${failingSince.toISOString()}` : '';
        const detail = failureDetail === null ? '' : `: ${failureDetail}`;
        return finding('sink-failing', name, `${failure}${since}${detail}`);
      });
      return { findings, note: `${sinks.length} configured` };
    },
  };
}

/** Whether each sink could deliver: its credentials, and a connection to it. Delivers nothing. */
export function sinkReceiverChecks(
  { all }: ConfiguredSinks,
  isVaultReachable: () => Promise<boolean>,
): Check[] {
  return all.map(({ name, sink, timeoutMs }) => ({
    name: `sink ${name}`,
    run: async (signal): Promise<CheckReport> => {
      if (!(await isVaultReachable())) return skipped('Key Vault can not be reached');
      try {
        await sink.examine(AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
        return { findings: [], note: 'its credentials can be used' };
      } catch (error) {
        return { findings: [failureFinding(name, error)] };
      }
    },
  }));
}

function failureFinding(name: string, error: unknown): Finding {
  const detail = error instanceof SinkFailure ? `${error.kind}: ${error.message}` : explain(error);
  return finding('sink-failing', name, detail);
}
