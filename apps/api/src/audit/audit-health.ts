import { z } from 'zod';
import type { AuditHealth, PartHealth, WitnessHealth } from '#libs/audit';
import type { SinkStatus } from '#libs/audit-delivery';

const time = z.iso.datetime();
const PART_STATES = ['ready', 'degraded', 'not ready'] as const;

const verifiedPart = z.strictObject({
  name: z.string(),
  progress: z.number().min(0).max(1).describe('how much of the pass over all data is done'),
  passStartedAt: time.describe('in the future while the next pass is not due'),
  verifiedEntries: z
    .int()
    .optional()
    .describe('of the part `log`: how many entries were verified since they were added'),
  isLate: z
    .boolean()
    .optional()
    .describe('whether an edit may be found after `AUDIT_VERIFICATION_SECONDS`'),
  findings: z.array(z.strictObject({ kind: z.string(), detail: z.string() })),
});

const sink = z.strictObject({
  name: z.string(),
  type: z.string(),
  lagEntries: z.int().describe('entries that are not delivered'),
  lagSeconds: z.number().describe('age of the oldest of them'),
  deliveredAt: time.optional(),
  failure: z.string().optional(),
  failingSince: time.optional(),
});

const witnesses = z.strictObject({
  policy: z.string().describe('C2SP tlog-policy: keys and quorum, without addresses'),
  hasQuorum: z.boolean().describe('whether a checkpoint has the quorum of the policy'),
  witnessed: z
    .strictObject({ size: z.int(), cosignedAt: time })
    .optional()
    .describe('the newest checkpoint with a quorum'),
  items: z.array(
    z.strictObject({
      name: z.string(),
      cosignedSize: z.int().describe('of the checkpoint that it cosigned last; 0: none'),
      failure: z.string().optional(),
      failingSince: time.optional(),
    }),
  ),
});

export const auditHealth = z
  .strictObject({
    isHealthy: z.boolean().describe('whether there are no concerns'),
    concerns: z.array(z.string()).describe('sentences for people, each something to look at'),
    parts: z
      .record(z.string(), z.enum(PART_STATES))
      .describe('the parts of this replica, as `GET /health/ready` shows them'),
    log: z.strictObject({
      size: z.int(),
      checkpointAt: time.optional().describe('when the newest checkpoint was committed'),
      oldest: z.strictObject({ index: z.int(), recordedAt: time }).optional(),
      months: z.array(z.string()).describe('months of UTC whose entries are stored'),
    }),
    verification: z
      .array(verifiedPart)
      .describe('what the background verifier found and where it is'),
    sinks: z.array(sink),
    witnesses: witnesses.optional().describe('absent without `AUDIT_WITNESS_POLICY_FILE`'),
  })
  .meta({ id: 'AuditHealth' });

export type AuditHealthResponse = z.output<typeof auditHealth>;

export function toAuditHealth(
  { log, verification, witnesses: known, concerns: ofLog }: AuditHealth,
  sinks: readonly SinkStatus[],
  parts: AuditHealthResponse['parts'],
): AuditHealthResponse {
  const concerns = [
    ...ofLog,
    ...sinks.flatMap(({ name, state }) =>
      state?.failure === undefined ? [] : [`the sink ${name} is ${state.failure}`],
    ),
    ...Object.entries(parts).flatMap(([name, state]) =>
      state === 'ready' ? [] : [`the part ${name} of this replica is ${state}`],
    ),
  ];
  const { size, checkpointAt, oldest, months } = log;
  return {
    isHealthy: concerns.length === 0,
    concerns,
    parts,
    log: {
      size,
      ...(checkpointAt && { checkpointAt: checkpointAt.toISOString() }),
      ...(oldest && {
        oldest: { index: oldest.index, recordedAt: oldest.recordedAt.toISOString() },
      }),
      months: [...months],
    },
    verification: verification.map(toPart),
    sinks: sinks.map(toSink),
    ...(known && { witnesses: toWitnesses(known) }),
  };
}

function toPart({
  name,
  progress,
  passStartedAt,
  verifiedEntries,
  isLate,
  findings,
}: PartHealth): z.output<typeof verifiedPart> {
  return {
    name,
    progress,
    passStartedAt: passStartedAt.toISOString(),
    ...(verifiedEntries !== undefined && { verifiedEntries }),
    ...(isLate !== undefined && { isLate }),
    findings: findings.map(({ kind, detail }) => ({ kind, detail })),
  };
}

function toSink({ name, type, state, lagEntries, lagSeconds }: SinkStatus): z.output<typeof sink> {
  const { deliveredAt, failure, failingSince } = state ?? {};
  return {
    ...{ name, type, lagEntries, lagSeconds },
    ...(deliveredAt && { deliveredAt: deliveredAt.toISOString() }),
    ...(failure !== undefined && { failure }),
    ...(failingSince && { failingSince: failingSince.toISOString() }),
  };
}

function toWitnesses({
  policy,
  witnessed,
  witnesses: states,
}: WitnessHealth): z.output<typeof witnesses> {
  return {
    policy,
    hasQuorum: witnessed !== undefined,
    ...(witnessed && {
      witnessed: { size: witnessed.size, cosignedAt: witnessed.cosignedAt.toISOString() },
    }),
    items: states.map(({ name, cosignedSize, failure, failingSince }) => ({
      ...{ name, cosignedSize },
      ...(failure !== undefined && { failure }),
      ...(failingSince && { failingSince: failingSince.toISOString() }),
    })),
  };
}
