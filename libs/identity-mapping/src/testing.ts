export { identityMapContract, type IdentityMapSubject } from './testing/identity-map.contract.js';
export { identityMappingOver } from './testing/identity-mapping-over.js';
export { MemoryIdentityMap } from './testing/memory-identity-map.js';
