import { Injectable, Module } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { Clock } from '#libs/platform';
import type { IssuancePolicy, EvaluatedRule } from './policy/issuance-policy.js';

const DAY_MS = 86_400_000;

/** What the dashboards see of issuance. No label holds what a caller could choose freely. */
@Injectable()
export class IssuanceMetrics {
  readonly #requests: Counter<'rule' | 'outcome'>;
  readonly #trials: Counter<'rule' | 'outcome'>;
  readonly #sunsetTokens: Counter<'scope'>;
  readonly #loads: Counter<'outcome'>;
  readonly #info: Gauge<'version'>;
  readonly #isFileGood: Gauge;
  readonly #cacheFaults: Counter<'operation'>;
  #policy: IssuancePolicy | undefined;

  constructor(registry: Registry, clock: Clock) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'token_requests_total',
      help: 'Requests for a token by the deciding rule and the outcome: issued, reused, exchanged or the code of the refusal.',
      labelNames: ['rule', 'outcome'],
      registers,
    });
    this.#trials = new Counter({
      name: 'issuance_policy_trials_total',
      help: 'What rules in audit mode would have decided.',
      labelNames: ['rule', 'outcome'],
      registers,
    });
    this.#sunsetTokens = new Counter({
      name: 'token_scope_sunset_issued_total',
      help: 'Tokens given with a scope that ACS will stop to give.',
      labelNames: ['scope'],
      registers,
    });
    this.#loads = new Counter({
      name: 'issuance_policy_loads_total',
      help: 'Policy files that took effect (success) or were refused (failure).',
      labelNames: ['outcome'],
      registers,
    });
    this.#info = new Gauge({
      name: 'issuance_policy_info',
      help: 'Version of the policy in force.',
      labelNames: ['version'],
      registers,
    });
    this.#isFileGood = new Gauge({
      name: 'issuance_policy_file_good',
      help: '0 while the policy file can’t be used and an older policy is in force.',
      registers,
    });
    this.#cacheFaults = new Counter({
      name: 'token_cache_faults_total',
      help: 'Tokens that could not be kept or opened for reuse; a new one was issued instead.',
      labelNames: ['operation'],
      registers,
    });
    const policy = (): IssuancePolicy | undefined => this.#policy;
    new Gauge({
      name: 'token_scope_sunset_days',
      help: 'Days until ACS stops to give the scope; negative afterwards.',
      labelNames: ['scope'],
      registers,
      collect() {
        this.reset();
        for (const { scope, sunsetAt } of policy()?.sunsetsOf() ?? []) {
          this.set({ scope }, Math.floor((sunsetAt.getTime() - clock.now()) / DAY_MS));
        }
      },
    });
  }

  observePolicyInForce(policy: IssuancePolicy): void {
    if (this.#policy?.version !== policy.version) this.#loads.inc({ outcome: 'success' });
    this.#policy = policy;
    this.#info.reset();
    this.#info.set({ version: policy.version }, 1);
    this.#isFileGood.set(1);
  }

  observePolicyRefused(): void {
    this.#loads.inc({ outcome: 'failure' });
    this.#isFileGood.set(0);
  }

  observeRequest(rule: string | undefined, outcome: string): void {
    this.#requests.inc({ rule: rule ?? 'none', outcome });
  }

  observeEvaluatedRules(trials: readonly EvaluatedRule[]): void {
    for (const { rule, outcome } of trials) this.#trials.inc({ rule, outcome });
  }

  observeSunsetScope(scope: string): void {
    this.#sunsetTokens.inc({ scope });
  }

  observeCacheFault(operation: 'keep' | 'open'): void {
    this.#cacheFaults.inc({ operation });
  }
}

/** One registration of the metrics for the service and the token cache. */
@Module({ providers: [IssuanceMetrics], exports: [IssuanceMetrics] })
export class IssuanceMetricsModule {}
