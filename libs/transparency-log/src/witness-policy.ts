import { parseDecimal } from './canonical-text.js';
import { InvalidPolicy } from './errors.js';
import { cosignatureTime } from './note-signer.js';
import { NoteVerifier } from './note-verifier.js';
import { parseNote } from './signed-note.js';

/** A witness that a policy names. */
export interface PolicyWitness {
  /** Its name in the policy. */
  readonly name: string;
  readonly verifier: NoteVerifier;
  /** The prefix of its address for submissions. */
  readonly url?: string;
}

/** A valid cosignature of a witness of the policy. */
export interface PolicyCosignature {
  readonly witness: PolicyWitness;
  /** POSIX time. */
  readonly timestampSeconds: number;
}

interface Group {
  readonly threshold: number;
  readonly members: readonly string[];
}

const NONE = 'none';
const MAX_POLICY_CHARACTERS = 65_536;
/** Of a type and 32 bytes in base64, at the end of a verifier key. */
const ENCODED_KEY_CHARACTERS = 44;

/** Which witnesses must have cosigned a checkpoint (C2SP tlog-policy). */
export class WitnessPolicy {
  /** The keys of the logs that the policy is for; empty when the log is known from elsewhere. */
  readonly logs: readonly NoteVerifier[];
  readonly witnesses: readonly PolicyWitness[];
  readonly #groups: ReadonlyMap<string, Group>;
  readonly #quorum: string;

  private constructor(parts: {
    readonly logs: readonly NoteVerifier[];
    readonly witnesses: readonly PolicyWitness[];
    readonly groups: ReadonlyMap<string, Group>;
    readonly quorum: string;
  }) {
    this.logs = parts.logs;
    this.witnesses = parts.witnesses;
    this.#groups = parts.groups;
    this.#quorum = parts.quorum;
  }

  /**
   * Parses a policy file.
   *
   * @throws InvalidPolicy naming the line
   */
  static parse(text: string): WitnessPolicy {
    if (text.length > MAX_POLICY_CHARACTERS) throw new InvalidPolicy('the policy is too long');
    const parser = new PolicyParser();
    text.split('\n').forEach((line, nth) => {
      try {
        parser.add(line);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : '';
        throw new InvalidPolicy(`line ${nth + 1}: ${reason}`, { cause });
      }
    });
    const { quorum } = parser;
    if (quorum === undefined) throw new InvalidPolicy('there is no quorum line');
    const { logs, witnesses, groups } = parser;
    return new WitnessPolicy({ logs, witnesses, groups, quorum });
  }

  /** The newest valid cosignature of each witness. The log's own signature is not verified here. */
  cosignatures(note: string): PolicyCosignature[] {
    const { text, signatures } = parseNote(note);
    return this.witnesses.flatMap((witness) => {
      const times = signatures
        .filter((signature) => witness.verifier.verify(text, signature))
        .map(cosignatureTime);
      return times.length === 0 ? [] : [{ witness, timestampSeconds: Math.max(...times) }];
    });
  }

  /** Whether these cosignatures are a quorum. */
  isMet(cosignatures: readonly PolicyCosignature[]): boolean {
    return this.#isWitnessedBy(
      this.#quorum,
      new Set(cosignatures.map(({ witness: { name } }) => name)),
    );
  }

  /** As a policy file, without addresses: what verifiers need of it. */
  toString(): string {
    const lines = [
      ...this.logs.map((verifier) => `log ${verifier.toString()}`),
      ...this.witnesses.map(({ name, verifier }) => `witness ${name} ${verifier.toString()}`),
      ...Array.from(
        this.#groups,
        ([name, { threshold, members }]) => `group ${name} ${threshold} ${members.join(' ')}`,
      ),
      `quorum ${this.#quorum}`,
    ];
    return lines.map((line) => `${line}\n`).join('');
  }

  #isWitnessedBy(name: string, cosigners: ReadonlySet<string>): boolean {
    if (name === NONE) return true;
    const group = this.#groups.get(name);
    if (!group) return cosigners.has(name);
    const witnessed = group.members.filter((member) => this.#isWitnessedBy(member, cosigners));
    return witnessed.length >= group.threshold;
  }
}

class PolicyParser {
  readonly logs: NoteVerifier[] = [];
  readonly witnesses: PolicyWitness[] = [];
  readonly groups = new Map<string, Group>();
  quorum: string | undefined;
  readonly #names = new Set<string>();
  readonly #members = new Set<string>();
  readonly #keys = new Set<string>();

  add(line: string): void {
    if (hasForbiddenCharacter(line)) throw new InvalidPolicy('control characters');
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    const [keyword, ...rest] = words;
    if (keyword === undefined || keyword.startsWith('#')) return;
    if (keyword === 'log') this.#addLog(rest);
    else if (keyword === 'witness') this.#addWitness(rest);
    else if (keyword === 'group') this.#addGroup(rest);
    else if (keyword === 'quorum') this.#setQuorum(rest);
    else throw new InvalidPolicy('a line begins with log, witness, group, quorum or #');
  }

  #addLog([key = '', ...rest]: readonly string[]): void {
    if (rest.length > 1) throw new InvalidPolicy('a log is: log <verifier key> [<url>]');
    this.logs.push(this.#verifier('log', 'ed25519', key));
  }

  #addWitness([name = '', key = '', url, ...rest]: readonly string[]): void {
    if (rest.length > 0) {
      throw new InvalidPolicy('a witness is: witness <name> <verifier key> [<url>]');
    }
    this.#define(name);
    const verifier = this.#verifier('witness', 'cosignature', key);
    this.witnesses.push({ name, verifier, ...(url !== undefined && { url }) });
  }

  #addGroup([name = '', count = '', ...members]: readonly string[]): void {
    if (members.length === 0) {
      throw new InvalidPolicy('a group is: group <name> <all, any or number> <name>...');
    }
    for (const member of members) {
      this.#requireDefined(member);
      if (this.#members.has(member)) {
        throw new InvalidPolicy('a name is a member of one group at most');
      }
      this.#members.add(member);
    }
    this.#define(name);
    const threshold = thresholdOf(count, members.length);
    this.groups.set(name, { threshold, members });
  }

  #setQuorum([name = '', ...rest]: readonly string[]): void {
    if (name === '' || rest.length > 0 || this.quorum !== undefined) {
      throw new InvalidPolicy('there is exactly one line: quorum <name>');
    }
    if (name !== NONE) this.#requireDefined(name);
    this.quorum = name;
  }

  #define(name: string): void {
    if (name === '' || name === NONE || this.#names.has(name)) {
      throw new InvalidPolicy('a name is defined once and is not none');
    }
    this.#names.add(name);
  }

  #requireDefined(name: string): void {
    if (!this.#names.has(name)) throw new InvalidPolicy('a name is not defined above');
  }

  /** Keys of one role must differ, whatever their names: one witness counts once. */
  #verifier(role: string, kind: NoteVerifier['kind'], text: string): NoteVerifier {
    const verifier = NoteVerifier.parse(text);
    if (verifier.kind !== kind) throw new InvalidPolicy(`the key is not one of a ${role}`);
    const key = `${role} ${text.slice(-ENCODED_KEY_CHARACTERS)}`;
    if (this.#keys.has(key)) throw new InvalidPolicy(`the key of the ${role} is there already`);
    this.#keys.add(key);
    return verifier;
  }
}

function thresholdOf(count: string, members: number): number {
  if (count === 'all') return members;
  if (count === 'any') return 1;
  const threshold = parseDecimal(count);
  if (threshold === undefined || threshold < 1 || threshold > members) {
    throw new InvalidPolicy('the number of a group is from 1 to that of its members');
  }
  return threshold;
}

function hasForbiddenCharacter(line: string): boolean {
  return Array.from(line).some((character) => {
    const code = character.charCodeAt(0);
    return (code < 0x20 && code !== 0x09) || code === 0x7f;
  });
}
