export { type Adapter, adapters, type Port } from './adapters.js';
export { auditLogSettings, type AuditLogSettings } from './audit-log-settings.js';
export { InvalidReplacement, type Replacement } from './choose-adapters.js';
export type { Advice } from './advice/advice.js';
export {
  type CompatibilitySettings,
  compatibilitySettings,
  type Sample,
  SAMPLES,
} from './compatibility-settings.js';
export { type ConsoleProvider, type ConsoleSettings, consoleSettings } from './console-settings.js';
export { httpSettings, type HttpSettings } from './http-settings.js';
export { databaseFault } from './database-faults.js';
export { missingPrivileges } from './missing-privileges.js';
export {
  missingMigrations,
  newerMigrations,
  serviceFunctionGrants,
  serviceGrants,
  serviceMigrations,
} from './schema.js';
export {
  auditPart,
  type CompositionOptions,
  identitiesPart,
  teamsPhonePart,
  ServiceModule,
  type ServicePart,
  settingsFor,
  sinksPart,
  healthPart,
} from './service.module.js';
export {
  checkService,
  COMMAND_LINE_VARIABLES,
  type Environment,
  examineService,
  type ServiceCheck,
  serviceSettings,
} from './settings.js';
export { describeReferences, findUnconfiguredResources } from './unconfigured-resources.js';
