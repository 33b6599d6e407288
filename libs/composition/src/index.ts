export { auditLogSettings, type AuditLogSettings } from './audit-log-settings.js';
export { ConfigurationAuditor, configurationLoaded } from './configuration-auditor.js';
export { httpSettings, type HttpSettings } from './http-settings.js';
export { serviceFunctionGrants, serviceGrants, serviceMigrations } from './schema.js';
export { SchemaReadiness } from './schema-readiness.js';
export { serviceSettings, serviceVariables } from './settings.js';
