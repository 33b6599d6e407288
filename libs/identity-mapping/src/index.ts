export {
  IDENTITY_KINDS,
  type ApplicationIdentity,
  type IdentityKind,
} from './application-identity.js';
export {
  IdentityKindConflict,
  LeaseLost,
  MappingNotActive,
  MappingNotFound,
  MappingPending,
} from './errors.js';
export { IdentityMap, type Claim, type Lease } from './identity-map.js';
export { IdentityMappingModule } from './identity-mapping.module.js';
export { IdentityMappingService, type MappingRequest } from './identity-mapping.service.js';
export {
  identityMappingSettings,
  type IdentityMappingSettings,
} from './identity-mapping-settings.js';
export {
  MAPPING_STATUSES,
  type EstablishedMapping,
  type Mapping,
  type MappingStatus,
} from './mapping.js';
export { MemoryIdentityMap } from './memory-identity-map.js';
export { identityMappingGrants, identityMappingMigrations } from './migrations.js';
