import { describe, expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { UpstreamUnavailable } from '../errors.js';
import { CircuitBreaker } from './circuit-breaker.js';

const scope = { resource: 'default', operation: 'issue', priority: 'interactive' } as const;

function open(): { clock: ManualClock; circuit: CircuitBreaker } {
  const clock = new ManualClock();
  const circuit = new CircuitBreaker(scope, clock, new MemoryLogger());
  for (let failure = 0; failure < 5; failure += 1) {
    circuit.admit();
    circuit.record(true);
  }
  return { clock, circuit };
}
const admit = (circuit: CircuitBreaker) => (): void => {
  circuit.admit();
};

describe('CircuitBreaker', () => {
  it('stays closed while some calls succeed', () => {
    const circuit = new CircuitBreaker(scope, new ManualClock(), new MemoryLogger());
    for (let call = 0; call < 50; call += 1) {
      circuit.admit();
      circuit.record(call % 5 !== 0);
    }
    expect(admit(circuit)).not.toThrow();
  });

  it('rejects calls at once after five consecutive outages', () => {
    expect(admit(open().circuit)).toThrow(UpstreamUnavailable);
  });

  it('admits one call after the pause, and closes when it succeeds', async () => {
    const { clock, circuit } = open();
    await clock.advance(1000);
    circuit.admit();
    expect(admit(circuit)).toThrow(UpstreamUnavailable);
    circuit.record(false);
    expect(admit(circuit)).not.toThrow();
  });

  it('doubles the pause with each failed probe, up to 30 seconds', async () => {
    const { clock, circuit } = open();
    for (const pauseMs of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      await clock.advance(pauseMs - 1);
      expect(admit(circuit)).toThrow(UpstreamUnavailable);
      await clock.advance(1);
      circuit.admit();
      circuit.record(true);
    }
  });

  it('pauses as long when the clock is set back', async () => {
    const { clock, circuit } = open();
    clock.step(-3_600_000);
    await clock.advance(1000);
    expect(admit(circuit)).not.toThrow();
  });

  it('admits another probe when the first was not made', async () => {
    const { clock, circuit } = open();
    await clock.advance(1000);
    circuit.admit();
    circuit.abandon();
    expect(admit(circuit)).not.toThrow();
  });
});
