import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, SystemClock } from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { type CheckpointTrust, Cosigner, type NoteVerifier } from '#libs/transparency-log';
import { Witness, type WitnessAnswer } from '../witness.js';
import { WitnessServer } from '../witness-server.js';
import { WitnessStore } from '../witness-store.js';

/** A witness on a free port of this machine, with a folder of its own, for tests. */
export class TestWitness {
  readonly logger = new MemoryLogger();
  readonly requests: string[] = [];
  /** Takes the place of the witness's answer, as a broken witness would give it. */
  answer: ((own: () => WitnessAnswer) => WitnessAnswer) | undefined;
  #server: WitnessServer | undefined;
  #store: WitnessStore;

  private constructor(
    readonly folder: string,
    private readonly cosigner: Cosigner,
    private readonly logs: readonly CheckpointTrust[],
    private readonly clock: Clock,
    private port: number,
  ) {
    this.#store = WitnessStore.open(folder);
  }

  static async start(
    name: string,
    logs: readonly CheckpointTrust[],
    clock: Clock = new SystemClock(),
  ): Promise<TestWitness> {
    const folder = await mkdtemp(join(tmpdir(), 'witness-'));
    const seed = Buffer.alloc(32, name);
    const witness = new TestWitness(folder, new Cosigner(name, seed), logs, clock, 0);
    await witness.#listen();
    return witness;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get verifier(): NoteVerifier {
    return this.cosigner.verifier;
  }

  /** Its line in a policy. */
  get policyLine(): string {
    return `witness ${this.verifier.name} ${this.verifier.toString()} ${this.url}`;
  }

  /** Ends as a killed process does: what it had in memory is gone, and the folder is free. */
  async kill(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
    this.#store.close();
  }

  /** Starts again at the same address, over the same folder. */
  async restart(): Promise<void> {
    this.#store = WitnessStore.open(this.folder);
    await this.#listen();
  }

  async stop(): Promise<void> {
    if (this.#server) await this.kill();
    await rm(this.folder, { recursive: true });
  }

  async #listen(): Promise<void> {
    const { cosigner, logs, clock, logger } = this;
    const witness = new Witness({ cosigner, logs, store: this.#store, clock, logger });
    const addCheckpoint = (body: string): WitnessAnswer => {
      this.requests.push(body);
      const own = (): WitnessAnswer => witness.addCheckpoint(body);
      return this.answer?.(own) ?? own();
    };
    this.#server = new WitnessServer({ addCheckpoint }, logger);
    this.port = Number(new URL(await this.#server.listen(this.port, '127.0.0.1')).port);
  }
}
