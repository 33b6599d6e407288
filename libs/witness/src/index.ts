export { FolderInUse, NoWitnessKey, WitnessKeyExists } from './errors.js';
export { Witness } from './witness.js';
export { createWitnessKey, readWitnessKey } from './witness-key.js';
export { WitnessServer } from './witness-server.js';
export { WitnessStore } from './witness-store.js';
