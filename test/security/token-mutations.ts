import { base64url, signJwt, type TestIssuer } from '#libs/authentication/testing';
import type { Prng } from '../support/prng.js';

const CHARACTERS = 'AQgwZz09-_=+/. "{}[]:,\\u0061eE\u00e9\u0000';
const VALUES: readonly unknown[] = [
  undefined,
  null,
  '',
  0,
  -1,
  1e300,
  true,
  [],
  {},
  'x',
  ['CommunicationToken.Issue'],
  '2.0',
  { toString: 1 },
];
const EXTRA_CLAIMS = ['aio', 'rh', 'sid', 'ipaddr', 'upn', 'amr', '__proto__', 'constructor', '0'];

/** Random mutations of valid tokens; a few are still valid. */
export class TokenMutations {
  #valid: readonly string[] = [];
  #made = 0;

  constructor(
    private readonly issuer: TestIssuer,
    private readonly prng: Prng,
    /** Of this many tokens, one is signed after its change, which is slow. */
    private readonly signedEvery: number,
  ) {}

  next(): string {
    // Tokens expire: the clock advances while the service looks for keys.
    if (this.#made % 2_000 === 0) this.#valid = this.#validTokens();
    this.#made += 1;
    if (this.prng.below(this.signedEvery) === 0) return this.#signed();
    const token = this.prng.pick(this.#valid);
    // A few stay unchanged: otherwise a verifier that rejects everything would pass.
    if (this.prng.below(50) === 0) return token;
    return this.prng.below(2) === 0 ? this.#edited(token) : this.#rearranged(token);
  }

  #validTokens(): string[] {
    const others = Array.from({ length: 7 }, (_none, number) =>
      this.issuer.token({ uti: `token ${number}` }),
    );
    return [this.issuer.token(), ...others];
  }

  /** A changed header or changed claims, signed after the change. */
  #signed(): string {
    const { keyId, privateKey } = this.issuer.current;
    const header: Record<string, unknown> = { typ: 'JWT', alg: 'RS256', kid: keyId };
    const claims = this.issuer.claims();
    let headerText = JSON.stringify(header);
    let claimsText = JSON.stringify(claims);
    switch (this.prng.below(6)) {
      case 0:
        claimsText = JSON.stringify(this.#withOtherValue(claims));
        break;
      case 1:
        claimsText = this.#edited(claimsText);
        break;
      case 2:
        headerText = JSON.stringify(this.#withOtherValue(header));
        break;
      case 3:
        headerText = this.#edited(headerText);
        break;
      case 4:
        claimsText = JSON.stringify(claims, null, this.prng.below(4));
        break;
      default:
        claimsText = JSON.stringify({
          ...claims,
          [this.prng.pick(EXTRA_CLAIMS)]: this.prng.below(9),
        });
    }
    return signJwt(headerText, claimsText, privateKey);
  }

  #withOtherValue(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return { ...members, [this.prng.pick(Object.keys(members))]: this.prng.pick(VALUES) };
  }

  /** Inserts, deletes, replaces or duplicates one to three characters. */
  #edited(text: string): string {
    let edited = text;
    for (let changes = 1 + this.prng.below(3); changes > 0; changes -= 1) {
      const at = this.prng.below(edited.length + 1);
      const character = CHARACTERS.charAt(this.prng.below(CHARACTERS.length));
      const [before, after] = [edited.slice(0, at), edited.slice(at)];
      edited = this.prng.pick([
        before + character + after,
        before + after.slice(1),
        before + character + after.slice(1),
        before + after.slice(0, 1) + after,
      ]);
    }
    return edited;
  }

  #rearranged(token: string): string {
    const [header = '', claims = '', signature = ''] = token.split('.');
    const [, otherClaims = '', otherSignature = ''] = this.prng.pick(this.#valid).split('.');
    const plain = Buffer.from(claims, 'base64url').toString('utf8');
    return this.prng.pick([
      `${header}.${otherClaims}.${signature}`,
      `${header}.${claims}.${otherSignature}`,
      `${header}.${base64url(this.#edited(plain))}.${signature}`,
      `${base64url(JSON.stringify({ alg: this.prng.pick(['none', 'HS256', 'RS256']), typ: 'JWT' }))}.${claims}.${signature}`,
      `${claims}.${header}.${signature}`,
      `${header}.${claims}.`,
      `${header}.${claims}`,
      `${token}.${signature}`,
      `${token}=`,
      token.slice(0, this.prng.below(token.length)),
      token.toUpperCase(),
    ]);
  }
}
