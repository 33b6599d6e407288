export { StormClock } from './testing/storm-clock.js';
export {
  busiest,
  dice,
  meanCallMs,
  simulate,
  type SimulatedStorm,
  type StormOutcome,
} from './testing/storm-simulation.js';
export { UnboundedRequestBudget } from './testing/unbounded-request-budget.js';
export { MemoryWindowStore } from './window/window-store.js';
