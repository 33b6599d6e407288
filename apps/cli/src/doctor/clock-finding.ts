import { isBeyond } from '#libs/audit';
import { type Finding, finding } from './findings.js';

/** The difference of this machine's clock from another one. */
export interface ClockMeasurement {
  /** Positive when this machine is ahead. */
  readonly offsetMs: number;
  readonly uncertaintyMs: number;
}

/** @param whose host or database whose clock was read */
export function clockFindings(
  whose: string,
  measurement: ClockMeasurement,
  toleranceMs: number,
): Finding[] {
  if (!isBeyond(measurement, toleranceMs)) return [];
  const { offsetMs } = measurement;
  const seconds = (Math.abs(offsetMs) / 1000).toFixed(1);
  const detail = `this machine is ${seconds} s ${offsetMs < 0 ? 'behind' : 'ahead of'} it; at most ${toleranceMs} ms are allowed`;
  return [finding('clock-off', whose, detail)];
}
