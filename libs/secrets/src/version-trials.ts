import type { Clock } from '#libs/platform';
import type { Secret } from './secret.js';

/** The version of a secret that is used now. */
export interface SecretInUse {
  readonly name: string;
  readonly version: string;
  /** Present while a newer version exists that does not work. Its version is not always known. */
  readonly rejected?: { readonly version?: string; readonly reason: string };
}

/** A rejected version is tried again after this time, because it may have been put right elsewhere. */
const REJECTED_MS = 60_000;
/** Working versions that are remembered of one secret: the one in use and the one before. */
const MAX_WORKING = 2;

interface Trial {
  /** Oldest first. */
  working: readonly Secret[];
  rejected?: { readonly version: string; readonly reason: string; readonly until: number };
  newest?: string;
  inUse?: string;
  /** Why the store gives out no newer version than the one in use. */
  unusable?: string | undefined;
}

/** Which versions of the secrets have worked in this process, so that a wrong new one replaces none. */
export class VersionTrials {
  readonly #trials = new Map<string, Trial>();

  constructor(private readonly clock: Clock) {}

  /** @returns the version to use in place of the newest one */
  choose(newest: Secret): Secret {
    const trial = this.#of(newest.name);
    const { rejected } = trial;
    const isRejected =
      rejected?.version === newest.version && this.clock.monotonicNow() < rejected.until;
    const chosen = (isRejected ? trial.working.at(-1) : undefined) ?? newest;
    trial.newest = newest.version;
    trial.inUse = chosen.version;
    return chosen;
  }

  /** A newest version that nobody tries before it is used, such as a key that any text is, is in use at once. */
  observe({ name, version }: Secret): void {
    const trial = this.#trials.get(name);
    if (trial?.inUse === undefined || trial.working.length > 0 || trial.rejected) return;
    trial.newest = version;
    trial.inUse = version;
  }

  accept(secret: Secret): void {
    const trial = this.#of(secret.name);
    if (trial.working.at(-1) === secret) return;
    const others = trial.working.filter(({ version }) => version !== secret.version);
    trial.working = [...others, secret].slice(-MAX_WORKING);
  }

  /** @returns the version that worked before it */
  reject(name: string, version: string, reason: string): Secret | undefined {
    const trial = this.#of(name);
    trial.working = trial.working.filter((known) => known.version !== version);
    trial.rejected = { version, reason, until: this.clock.monotonicNow() + REJECTED_MS };
    return trial.working.at(-1);
  }

  /** @param reason why the store can't give out a newer version; absent: it is well again */
  note(name: string, reason: string | undefined): void {
    this.#of(name).unusable = reason;
  }

  /** The secrets that were used in this process. */
  inUse(): SecretInUse[] {
    return [...this.#trials].flatMap(([name, { newest, inUse: version, rejected, unusable }]) => {
      if (version === undefined) return [];
      if (unusable !== undefined) return [{ name, version, rejected: { reason: unusable } }];
      if (rejected === undefined || rejected.version !== newest || version === newest)
        return [{ name, version }];
      return [{ name, version, rejected: { version: newest, reason: rejected.reason } }];
    });
  }

  #of(name: string): Trial {
    const trial = this.#trials.get(name) ?? { working: [] };
    this.#trials.set(name, trial);
    return trial;
  }
}
