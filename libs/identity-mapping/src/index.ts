export {
  IDENTITY_KINDS,
  type ApplicationIdentity,
  type IdentityKind,
} from './application-identity.js';
export {
  IdentityKindConflict,
  IdentityLinkConflict,
  LeaseLost,
  MappingChanged,
  MappingNotActive,
  MappingNotFound,
  MappingPending,
  MappingStateConflict,
  MappingVersionMismatch,
  RevocationPending,
  TenantNotAllowed,
} from './errors.js';
export {
  IdentityAdministrationService,
  type ErasureReport,
  type MappingPage,
  type MappingReference,
  type MappingUpdate,
} from './identity-administration.service.js';
export { IdentityImport, type ImportRequest, type ImportSummary } from './bulk/identity-import.js';
export type { LineResult } from './bulk/line-result.js';
export { IdentityExport, type ExportLine } from './bulk/identity-export.js';
export { identityFields } from './identity-fields.js';
export { IdentityLinking, type IdentityDescription } from './identity-linking.js';
export { type OnBehalf } from './work-for.js';
export { type CreateWithToken, type EnsuredMapping } from './identity-creation.js';
export {
  IdentityMap,
  type Claim,
  type Lease,
  type MappingSearch,
  type Orphan,
} from './identity-map.js';
export { IdentityMappingModule } from './identity-mapping.module.js';
export {
  EFFECTIVE_WITHIN_MINUTES,
  IdentityMappingService,
  type MappingRequest,
  type RevocationRequest,
} from './identity-mapping.service.js';
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
export { PostgresIdentityMap } from './postgres-identity-map.js';
export { identityMappingGrants, identityMappingMigrations } from './migrations.js';
