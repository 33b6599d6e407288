import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { Clock, Logger } from '#libs/platform';
import { IssuanceMetrics } from '../metrics.js';
import { TokenCache } from '../cache/token-cache.js';
import { tokenIssuanceSettings, type TokenIssuanceSettings } from '../settings.js';
import type { IssuancePolicy } from '../policy/issuance-policy.js';
import { InvalidPolicy, readPolicy } from '../policy/policy-file.js';

const SYSTEM = { kind: 'system', name: 'issuance-policy' } as const;

/**
 * The policy in force. Looks at its file now and then: a good new one is recorded and takes effect
 * without a restart, a bad one is reported and leaves the old one in force.
 */
@Injectable()
export class IssuancePolicies implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #stop = new AbortController();
  #current: IssuancePolicy;
  #isStartRecorded = false;
  /** Digest of what the last look found, while it is not in force. */
  #seen: string | undefined;
  #refused: string | undefined;

  constructor(
    private readonly audit: AuditTrail,
    private readonly cache: TokenCache,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: IssuanceMetrics,
    @Inject(tokenIssuanceSettings.key) private readonly settings: TokenIssuanceSettings,
  ) {
    this.#current = settings.policy.initial;
    this.metrics.observePolicyInForce(this.#current);
  }

  get current(): IssuancePolicy {
    return this.#current;
  }

  onApplicationBootstrap(): void {
    void this.#watch();
  }

  onModuleDestroy(): void {
    this.#stop.abort();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.look();
      await this.clock.sleep(this.settings.policyRefreshMs, signal).catch(() => undefined);
    }
  }

  /** Looks once. Never rejects: what could not be done now is done at the next look. */
  async look(): Promise<void> {
    try {
      await this.#recordStart();
      if (this.settings.policy.path !== undefined) await this.#lookAt(this.settings.policy.path);
    } catch (error) {
      this.logger.warn({ error }, 'the issuance policy could not be looked after');
    }
  }

  async #recordStart(): Promise<void> {
    if (this.#isStartRecorded) return;
    await this.audit.record(loaded(this.#current, this.settings.policy.path));
    this.#isStartRecorded = true;
    await this.cache.dropOtherPolicies(this.#current.version);
  }

  /** A file that is being written may be good YAML half-way, so that it must hold still for two looks. */
  async #lookAt(path: string): Promise<void> {
    const text = await readFile(path, 'utf8').catch((error: unknown) => unreadable(error));
    const digest =
      typeof text === 'string' ? createHash('sha256').update(text).digest('hex') : text.fault;
    const isStill = digest === this.#seen;
    this.#seen = digest;
    if (!isStill || digest === this.#refused) return;
    try {
      if (typeof text !== 'string') throw new InvalidPolicy([text.fault]);
      const policy = readPolicy(text);
      this.#refused = undefined;
      if (policy.version === this.#current.version) {
        this.metrics.observePolicyInForce(policy);
        return;
      }
      await this.#adopt(policy, path);
    } catch (error) {
      if (!(error instanceof InvalidPolicy)) throw error;
      await this.#refuse(error, path);
      this.#refused = digest;
    }
  }

  async #adopt(policy: IssuancePolicy, path: string): Promise<void> {
    const previous = this.#current.version;
    await this.audit.record(loaded(policy, path, previous));
    this.#current = policy;
    this.metrics.observePolicyInForce(policy);
    this.logger.info({ version: policy.version, previous }, 'issuance policy loaded');
    await this.cache.dropOtherPolicies(policy.version);
  }

  async #refuse(error: InvalidPolicy, path: string): Promise<void> {
    const { version } = this.#current;
    this.metrics.observePolicyRefused();
    this.logger.error(
      { path, faults: error.faults, inForce: version },
      'issuance policy refused, the old one stays in force',
    );
    await this.audit.record({
      action: 'policy.load',
      outcome: 'failure',
      actor: SYSTEM,
      reason: { code: 'invalid-policy', detail: error.faults.join('; ') },
      details: { path, inForce: version },
    });
  }
}

function loaded(policy: IssuancePolicy, path: string | undefined, previous?: string): AuditEvent {
  return {
    action: 'policy.load',
    outcome: 'success',
    actor: SYSTEM,
    details: {
      path: path ?? 'built-in',
      version: policy.version,
      rules: policy.ruleNames,
      ...(previous !== undefined && { previous }),
    },
  };
}

function unreadable(error: unknown): { readonly fault: string } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return { fault: `the file can not be read (${code})` };
}
