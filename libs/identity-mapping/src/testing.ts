export { describeIdentityMap, type IdentityMapSubject } from './testing/identity-map.contract.js';
export { MemoryIdentityMap } from './testing/memory-identity-map.js';
export { wireIdentityMapping } from './testing/wire-identity-mapping.js';
export { RecordedMappings } from './testing/recorded-mappings.js';
