export { MemoryAssignmentStore } from './testing/memory-assignment-store.js';
export { wireTeamsPhone } from './testing/wire-teams-phone.js';
