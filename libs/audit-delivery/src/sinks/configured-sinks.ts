import { Inject, Injectable } from '@nestjs/common';
import { auditSettings, type AuditSettings, LogContinuation } from '#libs/audit';
import { Clock, OutboundHttp } from '#libs/platform';
import { AzureCredential, SecretStore } from '#libs/secrets';
import { Credential } from '../config/credential.js';
import type { CredentialReference } from '../config/sink-options.js';
import { auditDeliverySettings, type AuditDeliverySettings } from '../settings.js';
import type { ConfiguredSink } from './configured-sink.js';
import { createSink } from './create-sink.js';

/** The sinks of `AUDIT_SINKS_FILE`. */
@Injectable()
export class ConfiguredSinks {
  readonly all: readonly ConfiguredSink[];

  constructor(
    @Inject(auditDeliverySettings.key) { sinks, environment }: AuditDeliverySettings,
    @Inject(auditSettings.key) { origin }: AuditSettings,
    outbound: OutboundHttp,
    @Inject(Clock) clock: Clock,
    @Inject(AzureCredential) azure: AzureCredential,
    @Inject(SecretStore) secrets: SecretStore,
    @Inject(LogContinuation) continuation: Pick<LogContinuation, 'faultOf'>,
  ) {
    this.all = sinks.map((options) => {
      const { name, type, start, personalValues, timeoutSeconds } = options;
      const timeoutMs = timeoutSeconds * 1_000;
      const context = {
        outbound,
        clock,
        azure,
        origin,
        timeoutMs,
        continuation,
        credential: (reference: CredentialReference) =>
          new Credential(reference, secrets, environment),
      };
      const sink = createSink(options, context);
      return { name, type, sink, start, sendsPersonalValues: personalValues, timeoutMs };
    });
  }
}
