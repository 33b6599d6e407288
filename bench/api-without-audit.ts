// The api as it runs in production, but for one thing: what has no change of the database with it is
// answered without being recorded. For measuring what recording costs; nothing else may start this.
import { randomUUID } from 'node:crypto';
import { PostgresAuditTrail } from '#libs/audit';

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its object below
const { recordAll } = PostgresAuditTrail.prototype;
PostgresAuditTrail.prototype.recordAll = async function (events, change) {
  if (change) return recordAll.call(this, events, change);
  return events.map((_, index) => ({ id: randomUUID(), index }));
};
await import('../apps/api/src/main.js');
