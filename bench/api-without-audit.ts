// The production api, except that events without a database change are answered and not recorded.
// It measures the cost of recording. Only bench/audit-issuance.ts starts it.
import { randomUUID } from 'node:crypto';
import { PostgresAuditTrail } from '#libs/audit';

// oxlint-disable-next-line typescript/unbound-method -- called with its object below
const { recordAll } = PostgresAuditTrail.prototype;
PostgresAuditTrail.prototype.recordAll = async function (events, change) {
  if (change) return recordAll.call(this, events, change);
  return events.map((_, index) => ({ id: randomUUID(), index }));
};
await import('../apps/api/src/main.js');
