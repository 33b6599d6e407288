import type { ControlClient, MintSignature } from '../../apps/emulator/src/index.js';

export type Members = Readonly<Record<string, unknown>>;

/** A hostile token: why it is one, and how it is made. */
export interface HostileToken {
  readonly name: string;
  /** @returns the value of the `Authorization` header */
  readonly authorization: (forge: Forge) => Promise<string>;
}

/** Makes tokens that differ from a good one in exactly what is asked for. */
export class Forge {
  private constructor(
    private readonly control: ControlClient,
    /** The good token that the hostile ones derive from. */
    readonly good: string,
    readonly header: Members,
    readonly claims: Members,
  ) {}

  static async open(control: ControlClient): Promise<Forge> {
    const good = await control.mintToken({ person: 'alice' });
    const [header = '', claims = ''] = good.split('.');
    return new Forge(control, good, decoded(header), decoded(claims));
  }

  /** A good token but for some claims; `undefined` takes one away. Well signed. */
  async withClaims(changes: Members): Promise<string> {
    return this.signed(this.header, { ...this.claims, ...changes });
  }

  /** A good token but for some header parameters. Well signed, unless told otherwise. */
  async withHeader(changes: Members, sign: MintSignature = 'current'): Promise<string> {
    return this.signed({ ...this.header, ...changes }, this.claims, sign);
  }

  /** Signs texts as they are, and objects as JSON. */
  async signed(
    header: Members | string,
    claims: Members | string,
    sign: MintSignature = 'current',
  ): Promise<string> {
    return this.control.mintToken({ rawHeader: text(header), rawClaims: text(claims), sign });
  }

  /** The good token's segments, for changes that a signer would not make. */
  get segments(): [string, string, string] {
    const [header = '', claims = '', signature = ''] = this.good.split('.');
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
  return JSON.parse(Buffer.from(segment, 'base64url').toString('utf8')) as Members; // of the emulator's own making
}
