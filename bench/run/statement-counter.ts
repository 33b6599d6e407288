import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What processes have sent to PostgreSQL. */
export interface StatementCounts {
  /** Statements that were executed, `BEGIN` and `COMMIT` included. */
  readonly statements: number;
  /** Times that a connection waited for the answer of the server. */
  readonly roundTrips: number;
  /** Transactions, also of a single statement and of those that only read. */
  readonly transactions: number;
  /** Transactions that changed rows, each of which waits for the disk. */
  readonly durableCommits: number;
  /** Times that the server waited for a process while that process held the lock of the audit log. */
  readonly roundTripsInLock: number;
}

type Counts = { -readonly [name in keyof StatementCounts]: number };

/** What the server reports when rows were changed. */
const CHANGE = /^(INSERT|UPDATE|DELETE|COPY|MERGE)\b/;
/** The functions that lock the log. */
const LOCK = 'audit_lock_head';
const TYPE = { bind: 'B', complete: 'C', parse: 'P', query: 'Q', ready: 'Z' } as const;

/**
 * A proxy that counts PostgreSQL's messages. It delays them, so that a process behind it is counted and
 * not measured.
 */
export class StatementCounter {
  readonly #server: Server;
  #counts = none();

  private constructor(private readonly targetPort: number) {
    this.#server = createServer((client) => {
      this.#link(client);
    });
  }

  static async start(targetPort: number): Promise<StatementCounter> {
    const counter = new StatementCounter(targetPort);
    counter.#server.listen(0, '127.0.0.1');
    await once(counter.#server, 'listening');
    return counter;
  }

  /** The same address by way of the proxy. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.port = String((this.#server.address() as AddressInfo).port); // it listens on TCP
    return url.href;
  }

  /** @returns the counts since the last call */
  take(): StatementCounts {
    const counts = this.#counts;
    this.#counts = none();
    return counts;
  }

  async stop(): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }

  #link(client: Socket): void {
    const server = connect(this.targetPort, '127.0.0.1');
    const session = new Session((name) => {
      this.#counts[name] += 1;
    });
    const requests = new Messages(true, (type, body) => {
      session.request(type, body);
    });
    const answers = new Messages(false, (type, body) => {
      session.answer(type, body);
    });
    client.setNoDelay(true).on('data', (chunk: Buffer) => {
      requests.add(chunk);
      server.write(chunk);
    });
    server.setNoDelay(true).on('data', (chunk: Buffer) => {
      answers.add(chunk);
      client.write(chunk);
    });
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
  }
}

/** What one connection has under way. */
class Session {
  /** Names of prepared statements that lock the log. */
  readonly #locking = new Set<string>();
  #isLocked = false;
  #hasStatements = false;
  #hasChanges = false;

  constructor(private readonly count: (name: keyof StatementCounts) => void) {}

  request(type: string, body: Buffer): void {
    if (type === TYPE.query) this.#isLocked ||= body.includes(LOCK);
    if (type === TYPE.parse) {
      const name = textAt(body, 0);
      if (body.includes(LOCK)) this.#locking.add(name);
      else this.#locking.delete(name);
    }
    if (type === TYPE.bind) {
      const portalEnd = body.indexOf(0) + 1;
      this.#isLocked ||= this.#locking.has(textAt(body, portalEnd));
    }
  }

  answer(type: string, body: Buffer): void {
    if (type === TYPE.complete) {
      this.count('statements');
      this.#hasStatements = true;
      this.#hasChanges ||= CHANGE.test(textAt(body, 0));
    }
    if (type !== TYPE.ready) return;
    this.count('roundTrips');
    // 'I': no transaction is open.
    if (body.toString('latin1') !== 'I') {
      if (this.#isLocked) this.count('roundTripsInLock');
      return;
    }
    if (this.#hasStatements) this.count('transactions');
    if (this.#hasChanges) this.count('durableCommits');
    this.#isLocked = false;
    this.#hasStatements = false;
    this.#hasChanges = false;
  }
}

/** Cuts a stream into messages: a type of one byte, the length of the rest, a body. */
class Messages {
  #rest: Buffer = Buffer.alloc(0);

  /** @param isStarting whether the first message is the start of a session, which has no type */
  constructor(
    private isStarting: boolean,
    private readonly onMessage: (type: string, body: Buffer) => void,
  ) {}

  add(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const typeBytes = this.isStarting ? 0 : 1;
      if (data.length < typeBytes + 4) break;
      const end = typeBytes + data.readInt32BE(typeBytes);
      if (data.length < end) break;
      if (!this.isStarting)
        this.onMessage(data.toString('latin1', 0, 1), data.subarray(typeBytes + 4, end));
      this.isStarting = false;
      data = data.subarray(end);
    }
    this.#rest = data;
  }
}

/** The text that ends with a zero byte. */
function textAt(body: Buffer, start: number): string {
  return body.toString('utf8', start, body.indexOf(0, start));
}

function none(): Counts {
  return { statements: 0, roundTrips: 0, transactions: 0, durableCommits: 0, roundTripsInLock: 0 };
}
