import type { ControlClient, MintSignature } from '../../apps/emulator/src/index.js';

export type Members = Readonly<Record<string, unknown>>;

/** A token that must be refused. */
export interface HostileToken {
  readonly name: string;
  /** @returns the value of the `Authorization` header */
  readonly authorization: (forge: Forge) => Promise<string>;
}

/** Makes tokens that differ from a valid one in one point. */
export class Forge {
  private constructor(
    private readonly control: ControlClient,
    /** A valid token of the sample person `alice`. */
    readonly valid: string,
    readonly header: Members,
    readonly claims: Members,
  ) {}

  static async open(control: ControlClient): Promise<Forge> {
    const valid = await control.mintToken({ person: 'alice' });
    const [header = '', claims = ''] = valid.split('.');
    return new Forge(control, valid, decoded(header), decoded(claims));
  }

  /** A token with changed claims and a valid signature; `undefined` removes a claim. */
  async withClaims(changes: Members): Promise<string> {
    return this.signed(this.header, { ...this.claims, ...changes });
  }

  /** A token with changed header parameters and, by default, a valid signature. */
  async withHeader(changes: Members, sign: MintSignature = 'current'): Promise<string> {
    return this.signed({ ...this.header, ...changes }, this.claims, sign);
  }

  /** Signs a header and claims; a text is signed as it is, an object as JSON. */
  async signed(
    header: Members | string,
    claims: Members | string,
    sign: MintSignature = 'current',
  ): Promise<string> {
    return this.control.mintToken({ rawHeader: text(header), rawClaims: text(claims), sign });
  }

  /** The segments of the valid token, for changes without a new signature. */
  get segments(): [string, string, string] {
    const [header = '', claims = '', signature = ''] = this.valid.split('.');
    return [header, claims, signature];
  }
}

export function base64url(value: string | Buffer): string {
  return Buffer.from(value).toString('base64url');
}

function text(value: Members | string): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function decoded(segment: string): Members {
  return JSON.parse(Buffer.from(segment, 'base64url').toString('utf8')) as Members; // a segment made by the emulator
}
