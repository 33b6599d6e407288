import type { AuditEntryRecord } from '#libs/audit';
import { Sink, type SinkRecord } from '../delivery/sink.js';
import { sinkRecord } from '../delivery/sink-batches.js';

/** An issuance with personal values, and texts that formats have to escape. */
export function sampleEntry(index: number): AuditEntryRecord {
  const entry = {
    action: 'token.issue',
    actor: {
      clientApp: '11111111-2222-4333-8444-555555555555',
      isGuest: false,
      issuer: 'https://login.microsoftonline.com/t/v2.0',
      kind: 'user',
      permissions: ['CommunicationToken.Issue'],
      subject: '00000000-0000-4000-8000-00000000a11c',
      tenant: '72f988bf-86f1-41af-91ab-2d7cd011db47',
      tokenId: 'uti',
    },
    details: { note: 'a|b=c\\d "e" — ünï\u2028' },
    id: `019abcde-0000-7000-8000-${index.toString(16).padStart(12, '0')}`,
    outcome: 'success',
    recordedAt: new Date(Date.UTC(2026, 10, 26, 13, 0, 0, index)).toISOString(),
    request: { id: `request-${index}` },
    version: 1,
  } as const;
  return {
    index,
    entry,
    leaf: Buffer.from(JSON.stringify(entry)),
    personal: { actorDisplayName: 'Alice Example', clientAddress: '203.0.113.7' },
    isDamaged: false,
  };
}

/** Samples as a sink formats them. */
export function sampleRecords(sink: Sink, count: number, from = 0): SinkRecord[] {
  return Array.from({ length: count }, (_, nth) => {
    const entry = sampleEntry(from + nth);
    return sinkRecord(entry, sink.format(entry));
  });
}
