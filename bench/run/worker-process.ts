import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A message to a process, or its answer, by the same number. */
interface Numbered {
  readonly id: number;
}

/** A Node process that answers each message with one of the same `id`. 0 is that of its first, when it is ready. */
export class WorkerProcess<Request extends Numbered, Answer extends Numbered> {
  #last = 0;
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  private constructor(
    private readonly child: ChildProcess,
    private readonly name: string,
  ) {
    child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  /** @returns the process and its first message */
  static async start<Request extends Numbered, Answer extends Numbered>(
    file: URL,
    args: readonly string[] = [],
  ): Promise<{ readonly worker: WorkerProcess<Request, Answer>; readonly ready: Answer }> {
    const child = fork(file, args, { serialization: 'advanced' });
    const worker = new WorkerProcess<Request, Answer>(child, file.pathname);
    return { worker, ready: await worker.#answerTo(0) };
  }

  get processId(): number {
    return this.child.pid ?? 0;
  }

  /** @throws when the process ends instead of answering */
  async request(message: Omit<Request, 'id'>): Promise<Answer> {
    this.#last += 1;
    const answer = this.#answerTo(this.#last);
    this.child.send({ ...message, id: this.#last });
    return answer;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  async #answerTo(id: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        reject(new Error(`${this.name} has ended`));
      };
      this.child.once('exit', end);
      this.#waiting.set(id, (answer) => {
        this.child.off('exit', end);
        resolve(answer);
      });
    });
  }
}
