export { platformSettings, type PlatformSettings } from './config/platform-settings.js';
export {
  boolean,
  httpsOrigin,
  integer,
  isLoopbackHost,
  list,
  secretName,
  tokenScope,
  webOrigins,
} from './config/setting-fields.js';
export {
  ADVANCED,
  checkEnvironment,
  defineSettings,
  type EnvironmentCheck,
  InvalidSettings,
  readSettings,
  type Settings,
  type SettingsFault,
  type SettingsOf,
  valuesOf,
  VERBATIM,
  type Variable,
} from './config/settings.js';
export { SettingsModule } from './config/settings.module.js';
export { InvalidYamlFile, readYamlFile } from './config/yaml-file.js';
export { assertReplaceable, replaceFile } from './files/file-replacement.js';
export { refuseNamedPipe } from './files/named-pipe.js';
export { findAuthoritiesFault } from './outbound/authorities-file.js';
export { type AzureCloud, azureCloudOf, azureCloudOfHost } from './config/azure-clouds.js';
export { addressKey, networkOf } from './context/address-network.js';
export type { CallContext, CallPriority, RequestContext } from './context/call-context.js';
export {
  type Actor,
  isPrincipal,
  type OperatorActor,
  type Principal,
  type SystemActor,
  type UnauthenticatedActor,
  type VisitorActor,
} from './context/principal.js';
export { ConnectionFailed } from './database/connection-failed.js';
export { InvalidDatabaseAddress, parseDatabaseAddress } from './database/database-address.js';
export { DatabaseCredential, type PasswordSource } from './database/database-credential.js';
export { ServiceClient } from './database/service-client.js';
export { UnusableSession } from './database/session-parameters.js';
export { withOtherPassword } from './database/service-pool.js';
export { dataSourceOptions } from './database/data-source-options.js';
export { Database, type Transaction } from './database/database.js';
export { assertWritable } from './database/database-check.js';
export type { Queries } from './database/queries.js';
export { isLeased, isWorkLeaseOver, RETRY_IN_MS } from './database/lease-condition.js';
export { ReadingDatabase } from './database/reading-database.js';
export { StatementBatcher } from './database/statement-batcher.js';
export { deleteInBatches } from './database/delete-in-batches.js';
export { distinctValues } from './database/distinct-values.js';
export { databaseSettings, type DatabaseSettings } from './database/database-settings.js';
export { DatabaseModule } from './database/database.module.js';
export { asDatabaseUnavailable, isDatabaseOutage, sqlState } from './database/sqlstate.js';
export type { TableGrant } from './database/table-grant.js';
export {
  isProblemCode,
  problem,
  type ProblemClass,
  type ProblemOptions,
} from './errors/problem.js';
export { errorCode } from './errors/error-code.js';
export { faultMessage } from './errors/fault-message.js';
export { type Facts, ServiceError, type ServiceErrorOptions } from './errors/service-error.js';
export { DatabaseUnavailable, StorageUnavailable } from './errors/storage-unavailable.js';
export { explain } from './health/explain.js';
export { ReadinessChecks, type ReadinessAnswer, stateOf } from './health/readiness-checks.js';
export {
  CANONICAL_GUID_PATTERN,
  canonicalGuid,
  type Guid,
  GUID_PATTERN,
  GUID_SOURCE,
  isCanonicalGuid,
  isGuid,
} from './ids/guid.js';
export { canonicalAddress } from './ids/canonical-address.js';
export { canonicalName, type CanonicalName } from './ids/canonical-name.js';
export { DECORATED_GUID, isDecoratedGuid, nameFault } from './ids/name-fault.js';
export {
  canonicalCommunicationUserId,
  type CommunicationUserId,
  parseCommunicationUserId,
  resourceIdOf,
  teamsExtensionUserId,
} from './ids/communication-user-id.js';
export { ascendingUuidV7, uuidText, uuidV7, uuidV7Bytes, uuidV7Time } from './ids/uuid-v7.js';
export { InvalidJson, parseJsonFile, parseStrictJson } from './json/strict-json.js';
export { Logger } from './logging/logger.js';
export { LineLimiter } from './logging/line-limiter.js';
export { noAnswerFrom } from './outbound/no-answer.js';
export { OutboundHttp } from './outbound/outbound-http.js';
export { ProxyFailure } from './outbound/proxy-failure.js';
export { PinoLogger, type LogLevel } from './logging/pino-logger.js';
export { PinoLoggerModule } from './logging/pino-logger.module.js';
export { PlatformModule } from './platform.module.js';
export { RequestTrace } from './telemetry/request-trace.js';
export { TelemetryModule } from './telemetry/telemetry.module.js';
export { telemetrySettings, type TelemetrySettings } from './telemetry/telemetry-settings.js';
export { currentTrace, detached, type Note, recordStep, traced } from './telemetry/traced.js';
export { currentTraceId, currentTraceparent, parseTraceparent } from './telemetry/traceparent.js';
export { SystemClockModule } from './time/system-clock.module.js';
export { Clock, SystemClock } from './time/clock.js';
export { type Lease, newLease } from './time/lease.js';
export { PeriodicTask, type PeriodicTaskOptions } from './time/periodic-task.js';
export { retryAfterMs, retryPauseMs } from './time/retry-pause.js';
export { Sweeps, type SweepOptions } from './time/sweeps.js';
export type { WorkByResource } from './time/work-by-resource.js';
export { type LineFault, parseJsonLine } from './streams/json-line.js';
export {
  readBatches,
  readLines,
  type StreamLimits,
  type StreamLine,
  StreamTooLong,
} from './streams/line-reader.js';
export { Bulkhead, type BulkheadOptions, ServiceBusy } from './workload/bulkhead.js';
export { enterForeground, mapInSlices, TimeSlices } from './workload/time-slices.js';
