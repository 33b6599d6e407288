import { setImmediate } from 'node:timers/promises';

interface Pending<Request, Answer> {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests that come while this number of statements is under way share the next one. */
const MAX_STATEMENTS = 2;
/** Fewer wait for a statement that is under way: a statement costs as much as many of its requests. */
const MIN_REQUESTS_BESIDE_ANOTHER = 16;
const MAX_REQUESTS_PER_STATEMENT = 256;

/** Answers requests of one moment with one statement, so that a burst needs few connections and round trips. */
export class StatementBatcher<Request, Answer> {
  #pending: Pending<Request, Answer>[] = [];
  #statementCount = 0;
  #isStarting = false;

  /** @param run answers the requests, in their order */
  constructor(private readonly run: (requests: readonly Request[]) => Promise<readonly Answer[]>) {}

  async answer(request: Request): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#pending.push({ request, resolve, reject });
    void this.#start();
    return promise;
  }

  async #start(): Promise<void> {
    if (this.#isStarting) return;
    this.#isStarting = true;
    await setImmediate(); // requests that come in the same moment share the first statement
    this.#isStarting = false;
    while (this.#mayStart) {
      void this.#runStatement(this.#pending.splice(0, MAX_REQUESTS_PER_STATEMENT));
    }
  }

  get #mayStart(): boolean {
    const minRequests = this.#statementCount === 0 ? 1 : MIN_REQUESTS_BESIDE_ANOTHER;
    return this.#statementCount < MAX_STATEMENTS && this.#pending.length >= minRequests;
  }

  async #runStatement(batch: readonly Pending<Request, Answer>[]): Promise<void> {
    this.#statementCount += 1;
    try {
      const answers = await this.run(batch.map(({ request }) => request));
      // `run` returns an answer for each request.
      batch.forEach(({ resolve }, nth) => {
        resolve(answers[nth] as Answer);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#statementCount -= 1;
    }
    if (this.#pending.length > 0) void this.#start();
  }
}
