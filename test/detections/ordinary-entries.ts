import { Prng } from '../support/prng.js';
import type { SigmaEvent } from '../support/sigma.js';

/** People who get a token or two a day from their own addresses, some refusals, starts of the service. */
export function ordinaryEntries(template: SigmaEvent, count: number): SigmaEvent[] {
  const prng = new Prng(7);
  const { entry, personal } = template as { entry: Record<string, object>; personal: object };
  const people = Math.max(500, Math.floor(count / 40));
  let at = Date.parse('2026-03-02T07:00:00Z');
  return Array.from({ length: count }, (_, index) => {
    at += prng.below(4_000);
    if (new Date(at).getUTCHours() >= 19) at += 12 * 3_600_000;
    const nth = prng.below(people);
    const kind = prng.below(100);
    const common = {
      ...entry,
      id: `id-${index}`,
      recordedAt: new Date(at).toISOString(),
      actor: { ...entry.actor, subject: `person-${nth}` },
      target: { ...entry.target, communicationUserId: `8:acs:${nth}` },
    };
    const clientAddress = `10.${nth >> 8}.${nth & 255}.1`;
    const address = { ...personal, clientAddress, clientNetwork: clientAddress };
    if (kind < 94) return { index, entry: common, personal: address };
    if (kind < 96)
      return { index, entry: { ...common, action: 'token.revoke' }, personal: address };
    const more =
      kind < 98
        ? {
            action: 'authentication.reject',
            outcome: 'denied',
            details: { count: 1 + prng.below(20) },
          }
        : { action: 'configuration.load', actor: { kind: 'system', name: 'configuration' } };
    return { index, entry: { ...common, ...more }, personal: {} };
  });
}
