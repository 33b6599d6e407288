import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AuditEntryEvents, type CommittedEntry } from '#libs/audit';

/** Counts the tokens that this process has issued to each client application: a listener for entries. */
@Injectable()
export class IssuanceCounter implements OnModuleDestroy {
  readonly #counts = new Map<string, number>();
  readonly #unsubscribe: () => void;

  constructor(events: AuditEntryEvents) {
    this.#unsubscribe = events.subscribe((entries) => {
      for (const committed of entries) this.#count(committed);
    });
  }

  onModuleDestroy(): void {
    this.#unsubscribe();
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  #count({ entry: { action, outcome, actor } }: CommittedEntry): void {
    if (action !== 'token.issue' || outcome !== 'success') return;
    const app = actor.clientApp ?? 'none';
    this.#counts.set(app, (this.#counts.get(app) ?? 0) + 1);
  }
}
