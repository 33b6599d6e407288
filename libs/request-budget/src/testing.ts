export { MemoryWindowStore } from './testing/memory-window-store.js';
export { prng } from './testing/prng.js';
export {
  type Balancing,
  type Deferral,
  fairness,
  maxPerWindow,
  retryAfterAccuracy,
  type Visit,
} from './testing/storm-measures.js';
export {
  meanCallMs,
  simulate,
  type SimulatedStorm,
  type StormOutcome,
} from './testing/storm-simulation.js';
export { UnboundedRequestBudget } from './testing/unbounded-request-budget.js';
export { describeWindowStore } from './testing/window-store.contract.js';
