import { appendFileSync } from 'node:fs';
import { z } from 'zod';
import type { StateFolder } from '../state-folder.js';
import { unixSeconds } from './identities.js';

export const PRINCIPAL_TYPES = ['user', 'resourceAccount'] as const;

/** What may use Teams Phone extensibility: a person, or a resource account of Teams. */
export type PrincipalType = (typeof PRINCIPAL_TYPES)[number];

/** An assignment of Teams Phone extensibility. */
export interface AcsAssignment {
  /** Name of the ACS resource. */
  readonly resource: string;
  readonly tenantId: string;
  readonly objectId: string;
  readonly principalType: PrincipalType;
  /** The applications through which it may be used; empty: through any. */
  readonly clientIds: readonly string[];
}

type AssignmentKey = Pick<AcsAssignment, 'resource' | 'tenantId' | 'objectId'>;

const key = { resource: z.string(), tenantId: z.string(), objectId: z.string() };
const storedLine = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('put'),
    ...key,
    principalType: z.enum(PRINCIPAL_TYPES),
    clientIds: z.array(z.string()),
  }),
  z.strictObject({ event: z.literal('delete'), ...key, through: z.int() }),
]);
const FILE = 'acs-assignments.ndjson';

/** The assignments of all resources. Deleting one revokes the tokens that were exchanged under it. */
export class AcsAssignments {
  readonly #assignments = new Map<string, AcsAssignment>();
  /** Unix second through which the tokens of a principal are revoked, and that of its newest token. */
  readonly #revokedThrough = new Map<string, number>();
  readonly #lastIssuedAt = new Map<string, number>();

  /** @param folder stores each event before the response. Absent: memory only. */
  constructor(private readonly folder: StateFolder | undefined) {
    for (const line of folder?.read(FILE)?.split('\n') ?? []) {
      if (line !== '') this.#apply(storedLine.parse(JSON.parse(line)));
    }
  }

  find(of: AssignmentKey): AcsAssignment | undefined {
    return this.#assignments.get(nameOf(of));
  }

  put(assignment: AcsAssignment): void {
    this.#record({ event: 'put', ...assignment, clientIds: [...assignment.clientIds] });
  }

  /** Safe to repeat. */
  delete(of: AssignmentKey): void {
    const name = nameOf(of);
    const { resource, tenantId, objectId } = of;
    if (!this.#assignments.has(name)) return;
    const through = Math.max(unixSeconds(), this.#lastIssuedAt.get(name) ?? 0);
    this.#record({ event: 'delete', resource, tenantId, objectId, through });
  }

  /** @returns the `iat` of a token of the principal, in Unix seconds. */
  issuedAt(of: AssignmentKey): number {
    const name = nameOf(of);
    const date = Math.max(unixSeconds(), (this.#revokedThrough.get(name) ?? 0) + 1);
    this.#lastIssuedAt.set(name, date);
    return date;
  }

  /** Whether a token with this `iat` is one of an assignment that exists, and of no earlier one. */
  isLive(of: AssignmentKey, issuedAt: number): boolean {
    const name = nameOf(of);
    return this.#assignments.has(name) && issuedAt > (this.#revokedThrough.get(name) ?? 0);
  }

  list(): AcsAssignment[] {
    return [...this.#assignments.values()];
  }

  clear(): void {
    this.#assignments.clear();
    this.#revokedThrough.clear();
    this.#lastIssuedAt.clear();
    this.folder?.write(FILE, '');
  }

  #record(line: z.output<typeof storedLine>): void {
    if (this.folder !== undefined) {
      appendFileSync(this.folder.file(FILE), `${JSON.stringify(line)}\n`, { mode: 0o600 });
    }
    this.#apply(line);
  }

  #apply(line: z.output<typeof storedLine>): void {
    const name = nameOf(line);
    if (line.event === 'delete') {
      this.#assignments.delete(name);
      this.#revokedThrough.set(name, line.through);
      return;
    }
    const { resource, tenantId, objectId, principalType, clientIds } = line;
    this.#assignments.set(name, { resource, tenantId, objectId, principalType, clientIds });
  }
}

function nameOf({ resource, tenantId, objectId }: AssignmentKey): string {
  return JSON.stringify([resource, tenantId.toLowerCase(), objectId.toLowerCase()]);
}
