import { z } from 'zod';
import { secretName } from '#libs/platform';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The https address of a receiver; http for a collector on the same machine. The log records it, and a query
 * is where signatures and keys are.
 */
const receiverUrl = z.string().transform((text, context) => {
  const url = URL.parse(text);
  const isProtected =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (isProtected && url.username === '' && url.password === '' && !/[?#]/.test(text))
    return url.href;
  context.addIssue(
    'must be an https address without credentials, query and fragment; http is for this machine only',
  );
  return z.NEVER;
});

/** What every sink has. */
const commonFields = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits and hyphens'),
  start: z.enum(['beginning', 'now']).default('beginning'),
  personalValues: z.boolean().default(true),
  timeoutSeconds: z.int().min(1).max(120).default(30),
  maxEntries: z.int().min(1).max(5_000).default(500),
};

/** The longest record that a receiver takes; a longer one is reduced. */
function maxRecordBytes(byDefault: number): z.ZodDefault<z.ZodInt> {
  return z.int().min(2_048).max(1_000_000).default(byDefault);
}

/** Where a credential of a sink is. The file of the sinks never has the credential. */
export const credentialReference = z
  .strictObject({
    secret: secretName().optional(),
    file: z.string().min(1).optional(),
    environment: z
      .string()
      .regex(/^[A-Za-z_]\w{0,127}$/, 'must be the name of an environment variable')
      .optional(),
  })
  .refine(
    (places) => Object.values(places).filter((place) => place !== undefined).length === 1,
    'must say where the credential is: secret (of Key Vault), file or environment',
  );

export type CredentialReference = z.output<typeof credentialReference>;

export const azureBlobSinkSchema = z.strictObject({
  type: z.literal('azure-blob'),
  ...commonFields,
  /** Address of the container. */
  container: receiverUrl,
  prefix: z
    .string()
    .regex(/^([\w.-]+\/)*$/, 'must be folders that each end in a slash')
    .default('audit/'),
  /** A shared access signature instead of the Azure identity of the process. */
  sas: credentialReference.optional(),
  format: z.enum(['ndjson', 'ecs', 'ocsf']).default('ndjson'),
  /** Whether the newest signed checkpoint is stored as well, so that a rollback is noticed. */
  checkpoint: z.boolean().default(true),
  maxRecordBytes: maxRecordBytes(1_000_000),
});

export type AzureBlobSinkOptions = z.output<typeof azureBlobSinkSchema>;

export const azureMonitorSinkSchema = z.strictObject({
  type: z.literal('azure-monitor'),
  ...commonFields,
  /** Of the data collection endpoint, or of the rule itself. */
  endpoint: receiverUrl,
  ruleId: z.string().regex(/^dcr-[0-9a-f]{32}$/, 'must be an immutable id: dcr- and 32 digits'),
  stream: z
    .string()
    .regex(/^Custom-\w{1,100}$/, 'must be the name of a stream, such as Custom-AcsIdentityAudit')
    .default('Custom-AcsIdentityAudit'),
  /** https://monitor.azure.us and https://monitor.azure.cn in the other clouds. */
  audience: receiverUrl
    .default('https://monitor.azure.com')
    .transform((address) => address.replace(/\/$/, '')),
  maxRecordBytes: maxRecordBytes(500_000),
});

export type AzureMonitorSinkOptions = z.output<typeof azureMonitorSinkSchema>;

export const elasticsearchSinkSchema = z
  .strictObject({
    type: z.literal('elasticsearch'),
    ...commonFields,
    url: receiverUrl,
    /** A data stream or an index. */
    index: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,254}$/, 'must be the name of a data stream or an index')
      .default('logs-acs_identity.audit-default'),
    /** As Elasticsearch shows it encoded: base64 of id and key. */
    apiKey: credentialReference.optional(),
    user: z.string().min(1).max(256).optional(),
    password: credentialReference.optional(),
    maxRecordBytes: maxRecordBytes(1_000_000),
  })
  .refine(
    ({ apiKey, user, password }) =>
      apiKey === undefined ? (user === undefined) === (password === undefined) : user === undefined,
    'must have either apiKey, or user and password, or neither',
  );

export type ElasticsearchSinkOptions = z.output<typeof elasticsearchSinkSchema>;

export const splunkSinkSchema = z.strictObject({
  type: z.literal('splunk'),
  ...commonFields,
  /** Without the path of the collector. */
  url: receiverUrl,
  token: credentialReference,
  format: z.enum(['ndjson', 'ecs', 'ocsf']).default('ndjson'),
  index: z.string().min(1).max(256).optional(),
  sourcetype: z.string().min(1).max(256).default('acs-identity:audit'),
  maxRecordBytes: maxRecordBytes(1_000_000),
});

export type SplunkSinkOptions = z.output<typeof splunkSinkSchema>;

export const syslogSinkSchema = z
  .strictObject({
    type: z.literal('syslog'),
    ...commonFields,
    host: z.string().regex(/^[\w.:-]{1,253}$/, 'must be a host name or an address'),
    port: z.int().min(1).max(65_535).default(6514),
    format: z.enum(['cef', 'ndjson', 'ecs', 'ocsf']).default('cef'),
    /** 13: log audit. */
    facility: z.int().min(0).max(23).default(13),
    /** The name of this service in the messages; default: the name of the machine. */
    hostname: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, 'must be printable ASCII without blanks')
      .optional(),
    clientCertificate: credentialReference.optional(),
    clientKey: credentialReference.optional(),
    /** A larger message may be cut by receivers: RFC 5425 demands 2048, and recommends 8192. */
    maxRecordBytes: maxRecordBytes(8_192),
  })
  .refine(
    ({ clientCertificate, clientKey }) =>
      (clientCertificate === undefined) === (clientKey === undefined),
    'must have clientCertificate and clientKey, or neither',
  );

export type SyslogSinkOptions = z.output<typeof syslogSinkSchema>;

export const webhookSinkSchema = z.strictObject({
  type: z.literal('webhook'),
  ...commonFields,
  url: receiverUrl,
  /** Appended to the address; a credential, because some receivers know callers by it. */
  query: credentialReference.optional(),
  /** Two while a secret is being replaced: a receiver accepts either signature. */
  signingSecrets: z.array(credentialReference).min(1).max(2),
  maxRecordBytes: maxRecordBytes(1_000_000),
});

export type WebhookSinkOptions = z.output<typeof webhookSinkSchema>;
