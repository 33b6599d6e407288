export { MemoryLogger } from './logging/memory-logger.js';
export { ManualClock } from './time/manual-clock.js';
