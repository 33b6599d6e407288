import { Injectable, Module } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { Clock } from '#libs/platform';
import type { EvaluatedRule, IssuancePolicy } from './policy/issuance-policy.js';

const DAY_MS = 86_400_000;

/** The metrics of issuance. No label has a value that a caller can choose freely. */
@Injectable()
export class IssuanceMetrics {
  readonly #requests: Counter<'rule' | 'outcome'>;
  readonly #evaluatedRules: Counter<'rule' | 'outcome'>;
  readonly #sunsetTokens: Counter<'scope'>;
  readonly #loads: Counter<'outcome'>;
  readonly #info: Gauge<'version'>;
  readonly #isFileValid: Gauge;
  readonly #cacheFaults: Counter<'operation'>;
  #policy: IssuancePolicy | undefined;

  constructor(registry: Registry, clock: Clock) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'token_requests_total',
      help: 'Requests for a token, including exchanges of Teams tokens',
      labelNames: ['rule', 'outcome'],
      registers,
    });
    this.#evaluatedRules = new Counter({
      name: 'issuance_policy_trials_total',
      help: 'Decisions that a rule in audit mode would have made',
      labelNames: ['rule', 'outcome'],
      registers,
    });
    this.#sunsetTokens = new Counter({
      name: 'token_scope_sunset_issued_total',
      help: 'Tokens that were released with a scope that ACS will stop supporting',
      labelNames: ['scope'],
      registers,
    });
    this.#loads = new Counter({
      name: 'issuance_policy_loads_total',
      help: 'Loads of the policy',
      labelNames: ['outcome'],
      registers,
    });
    this.#info = new Gauge({
      name: 'issuance_policy_info',
      help: '1 for the version of the policy in force',
      labelNames: ['version'],
      registers,
    });
    this.#isFileValid = new Gauge({
      name: 'issuance_policy_file_good',
      help: '1 if the policy file is valid; 0 if it has errors and an older policy is in force',
      registers,
    });
    this.#cacheFaults = new Counter({
      name: 'token_cache_faults_total',
      help: 'Faults of the token cache; a new token was issued instead',
      labelNames: ['operation'],
      registers,
    });
    const policy = (): IssuancePolicy | undefined => this.#policy;
    new Gauge({
      name: 'token_scope_sunset_days',
      help: 'Days until ACS stops supporting the scope; negative afterwards. Only scopes with a sunset',
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
    this.#isFileValid.set(1);
  }

  observePolicyRefused(): void {
    this.#loads.inc({ outcome: 'failure' });
    this.#isFileValid.set(0);
  }

  observeRequest(rule: string | undefined, outcome: string): void {
    this.#requests.inc({ rule: rule ?? 'none', outcome });
  }

  observeEvaluatedRules(rules: readonly EvaluatedRule[]): void {
    for (const { rule, outcome } of rules) this.#evaluatedRules.inc({ rule, outcome });
  }

  observeSunsetScope(scope: string): void {
    this.#sunsetTokens.inc({ scope });
  }

  observeCacheFault(operation: 'keep' | 'open'): void {
    this.#cacheFaults.inc({ operation });
  }
}

/** One registration of the metrics for the services and the token cache. */
@Module({ providers: [IssuanceMetrics], exports: [IssuanceMetrics] })
export class IssuanceMetricsModule {}
