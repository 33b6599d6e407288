export {
  IdentityKindConflict,
  IdentityLinkConflict,
  IdentityLinkNotAllowed,
  LeaseLost,
  MappingChanged,
  MappingNotActive,
  MappingNotFound,
  MappingPending,
  MappingStateConflict,
  MappingVersionMismatch,
  OtherIdentity,
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
export type { LineResult } from './bulk/import-line.js';
export { IdentityExport, type ExportLine } from './bulk/identity-export.js';
export {
  MappingCheck,
  type MappingCheckReport,
  type MappingCheckRequest,
  type MappingDifference,
  type UncheckedMapping,
} from './check/mapping-check.js';
export { RevocationTable } from './check/revocation-table.js';
export {
  MassRevocationService,
  type MassRevocationRequest,
  type StartedRevocation,
} from './mass-revocation/mass-revocation.service.js';
export {
  hasExpired,
  type MassRevocation,
  type RevocationFilter,
  type RevocationForecast,
  type RevocationProgress,
} from './mass-revocation/mass-revocation.js';
export { identityFields } from './model/identity-fields.js';
export { IdentityLinking, type IdentityDescription } from './lifecycle/identity-linking.js';
export { recordingRefusal } from './lifecycle/access-audit.js';
export { gatewayCallOf } from './lifecycle/call-context.js';
export type { UncommittedIdentity } from './lifecycle/identity-creation.js';
export {
  IdentityMap,
  type Claim,
  type Lease,
  type MappingSearch,
  type Orphan,
} from './store/identity-map.js';
export { IdentityMappingModule } from './identity-mapping.module.js';
export {
  EFFECTIVE_WITHIN_MINUTES,
  IdentityMappingService,
  type EnsuredMapping,
  type MappingRequest,
  type Revocation,
} from './identity-mapping.service.js';
export { identityMappingSettings, type IdentityMappingSettings } from './settings.js';
export {
  type ApplicationIdentity,
  auditTargetOf,
  CALLER_KINDS,
  IDENTITY_KINDS,
  type IdentityKind,
  MAPPING_STATUSES,
  type Mapping,
  type ProvisionedMapping,
  type TenantSubject,
} from './model/mapping.js';
export { PostgresIdentityMapModule } from './store/postgres-identity-map.module.js';
export { PostgresIdentityMap } from './store/postgres-identity-map.js';
export { identityMappingGrants, identityMappingMigrations } from './schema/migrations.js';
