import { describe, expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { CircuitBreaker } from './circuit-breaker.js';
import { UpstreamUnavailable } from '../errors.js';

function open(): { clock: ManualClock; circuit: CircuitBreaker } {
  const clock = new ManualClock();
  const circuit = new CircuitBreaker('default', clock, new MemoryLogger());
  for (let failure = 0; failure < 5; failure += 1) {
    circuit.mustAllow();
    circuit.ended(true);
  }
  return { clock, circuit };
}
const refusal = (circuit: CircuitBreaker) => (): void => {
  circuit.mustAllow();
};

describe('CircuitBreaker', () => {
  it('stays closed as long as some calls succeed', () => {
    const circuit = new CircuitBreaker('default', new ManualClock(), new MemoryLogger());
    for (let call = 0; call < 50; call += 1) {
      circuit.mustAllow();
      circuit.ended(call % 5 !== 0);
    }
    expect(refusal(circuit)).not.toThrow();
  });

  it('refuses calls at once after five outages in a row', () => {
    expect(refusal(open().circuit)).toThrow(UpstreamUnavailable);
  });

  it('lets one call through after the pause, and closes when it succeeds', async () => {
    const { clock, circuit } = open();
    await clock.advance(1000);
    circuit.mustAllow();
    expect(refusal(circuit)).toThrow(UpstreamUnavailable);
    circuit.ended(false);
    expect(refusal(circuit)).not.toThrow();
  });

  it('doubles the pause with each failed trial, up to 30 seconds', async () => {
    const { clock, circuit } = open();
    for (const pauseMs of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      await clock.advance(pauseMs - 1);
      expect(refusal(circuit)).toThrow(UpstreamUnavailable);
      await clock.advance(1);
      circuit.mustAllow();
      circuit.ended(true);
    }
  });

  it('tries again when the trial call was never made', async () => {
    const { clock, circuit } = open();
    await clock.advance(1000);
    circuit.mustAllow();
    circuit.abandoned();
    expect(refusal(circuit)).not.toThrow();
  });
});
