import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { type AuditEvent, AuditTrail, NewestEntries } from '#libs/audit';
import { Clock, errorCode, Logger, PeriodicTask } from '#libs/platform';
import { TokenCache } from '../cache/token-cache.js';
import { IssuanceMetrics } from '../metrics.js';
import type { IssuancePolicy } from '../policy/issuance-policy.js';
import { InvalidPolicy, readPolicy } from '../policy/policy-file.js';
import { tokenIssuanceSettings, type TokenIssuanceSettings } from '../settings.js';

const ACTOR = { kind: 'system', name: 'issuance-policy' } as const;

/**
 * The issuance policy in force. A changed policy file is recorded and takes effect without a restart;
 * an invalid one is reported, and the policy in force stays.
 */
@Injectable()
export class IssuancePolicies implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #task: PeriodicTask;
  #current: IssuancePolicy;
  #isInitialRecorded = false;
  /** Digest of the file at the previous refresh. */
  #previousDigest: string | undefined;
  /** Digest of an invalid file that has been reported. */
  #refusedDigest: string | undefined;

  constructor(
    private readonly audit: AuditTrail,
    private readonly entries: NewestEntries,
    private readonly cache: TokenCache,
    clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: IssuanceMetrics,
    @Inject(tokenIssuanceSettings.key) private readonly settings: TokenIssuanceSettings,
  ) {
    this.#current = settings.policy.initial;
    this.metrics.observePolicyInForce(this.#current);
    this.#task = new PeriodicTask({
      name: 'issuance policy refresh',
      run: async () => this.refresh(),
      intervalMs: settings.policyRefreshMs,
      runsAtStart: true,
      clock,
      logger,
    });
  }

  get current(): IssuancePolicy {
    return this.#current;
  }

  onApplicationBootstrap(): void {
    this.#task.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#task.stop();
  }

  /**
   * Records the initial policy once, with the version that it replaces, then reads the policy file and adopts a changed policy.
   *
   * @throws AuditUnavailable, DatabaseUnavailable; the next refresh completes the work
   */
  async refresh(): Promise<void> {
    await this.#recordInitial();
    const { path } = this.settings.policy;
    if (path !== undefined) await this.#readFile(path);
  }

  async #recordInitial(): Promise<void> {
    if (this.#isInitialRecorded) return;
    const { path } = this.settings.policy;
    await this.audit.record(loadEvent(this.#current, path, await this.#replacedByStart()));
    this.#isInitialRecorded = true;
    await this.cache.dropOtherPolicies(this.#current.version);
  }

  /** The version that was loaded last, by whatever process, unless it is the one in force here. */
  async #replacedByStart(): Promise<string | undefined> {
    const last = (await this.entries.successOf('policy.load'))?.details?.version;
    return typeof last === 'string' && last !== this.#current.version ? last : undefined;
  }

  /**
   * A file is loaded only when two consecutive refreshes read the same text, because a half-written
   * file can be a valid policy.
   */
  async #readFile(path: string): Promise<void> {
    const content = await readFile(path).catch((error: unknown) => readFault(error));
    const digest = Buffer.isBuffer(content)
      ? createHash('sha256').update(content).digest('hex')
      : content.fault;
    const isStable = digest === this.#previousDigest;
    this.#previousDigest = digest;
    if (!isStable || digest === this.#refusedDigest) return;
    try {
      if (!Buffer.isBuffer(content)) throw new InvalidPolicy([content.fault]);
      const policy = readPolicy(content);
      this.#refusedDigest = undefined;
      if (policy.version === this.#current.version) {
        this.metrics.observePolicyInForce(policy);
        return;
      }
      await this.#adopt(policy, path);
    } catch (error) {
      if (!(error instanceof InvalidPolicy)) throw error;
      await this.#refuse(error, path);
      this.#refusedDigest = digest;
    }
  }

  async #adopt(policy: IssuancePolicy, path: string): Promise<void> {
    const previous = this.#current.version;
    await this.audit.record(loadEvent(policy, path, previous));
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
      actor: ACTOR,
      reason: { code: 'invalid-policy', detail: error.faults.join('; ') },
      details: { path, inForce: version },
    });
  }
}

function loadEvent(
  policy: IssuancePolicy,
  path: string | undefined,
  previous?: string,
): AuditEvent {
  return {
    action: 'policy.load',
    outcome: 'success',
    actor: ACTOR,
    details: {
      path: path ?? 'built-in',
      version: policy.version,
      rules: policy.ruleNames,
      ...(previous !== undefined && { previous }),
    },
  };
}

function readFault(error: unknown): { readonly fault: string } {
  const code = errorCode(error) ?? 'unknown error';
  return { fault: `the file can not be read (${code})` };
}
