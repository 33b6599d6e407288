import { base64url, signJwt, type TestIssuer } from '#libs/authentication/testing';

/** A sequence of numbers that a seed repeats. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** @returns a whole number from 0 up to, not including, `sides` (Marsaglia's xorshift, 2003) */
  roll(sides: number): number {
    let next = this.#state === 0 ? 0x9e3779b9 : this.#state;
    next ^= next << 13;
    next ^= next >>> 17;
    next ^= next << 5;
    this.#state = next >>> 0;
    return this.#state % sides;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.roll(items.length)] ?? items[0];
  }
}

const CHARACTERS = 'AQgwZz09-_=+/. "{}[]:,\\u0061eE\u00e9\u0000';
const VALUES: readonly [unknown, ...unknown[]] = [
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

/** Tokens that differ from good ones at random; some are still good. */
export class TokenMutations {
  #good: readonly [string, ...string[]] = [''];
  #made = 0;

  constructor(
    private readonly issuer: TestIssuer,
    private readonly dice: Dice,
    /** One in so many is signed after the change, which takes a while. */
    private readonly signedEvery: number,
  ) {}

  next(): string {
    // Good tokens don't stay good: time goes on while keys are looked for.
    if (this.#made % 2_000 === 0) this.#good = this.#fresh();
    this.#made += 1;
    if (this.dice.roll(this.signedEvery) === 0) return this.#signed();
    const token = this.dice.pick(this.#good);
    // Some stay as they are: a verifier that refuses everything would pass otherwise.
    if (this.dice.roll(50) === 0) return token;
    return this.dice.roll(2) === 0 ? this.#edited(token) : this.#rearranged(token);
  }

  #fresh(): [string, ...string[]] {
    const others = Array.from({ length: 7 }, (_none, number) =>
      this.issuer.token({ uti: `token ${number}` }),
    );
    return [this.issuer.token(), ...others];
  }

  /** Another header or other claims under a signature that covers them. */
  #signed(): string {
    const { keyId, privateKey } = this.issuer.current;
    const header: Record<string, unknown> = { typ: 'JWT', alg: 'RS256', kid: keyId };
    const claims = this.issuer.claims();
    let headerText = JSON.stringify(header);
    let claimsText = JSON.stringify(claims);
    switch (this.dice.roll(6)) {
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
        claimsText = JSON.stringify(claims, null, this.dice.roll(4));
        break;
      default:
        claimsText = JSON.stringify({
          ...claims,
          [this.#pickFrom(EXTRA_CLAIMS)]: this.dice.roll(9),
        });
    }
    return signJwt(headerText, claimsText, privateKey);
  }

  #withOtherValue(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return { ...members, [this.#pickFrom(Object.keys(members))]: this.dice.pick(VALUES) };
  }

  /** One to three characters put in, taken out, changed or doubled. */
  #edited(text: string): string {
    let edited = text;
    for (let changes = 1 + this.dice.roll(3); changes > 0; changes -= 1) {
      const at = this.dice.roll(edited.length + 1);
      const character = CHARACTERS.charAt(this.dice.roll(CHARACTERS.length));
      const [before, after] = [edited.slice(0, at), edited.slice(at)];
      edited = this.dice.pick([
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
    const [, otherClaims = '', otherSignature = ''] = this.dice.pick(this.#good).split('.');
    const plain = Buffer.from(claims, 'base64url').toString('utf8');
    return this.dice.pick([
      `${header}.${otherClaims}.${signature}`,
      `${header}.${claims}.${otherSignature}`,
      `${header}.${base64url(this.#edited(plain))}.${signature}`,
      `${base64url(JSON.stringify({ alg: this.dice.pick(['none', 'HS256', 'RS256']), typ: 'JWT' }))}.${claims}.${signature}`,
      `${claims}.${header}.${signature}`,
      `${header}.${claims}.`,
      `${header}.${claims}`,
      `${token}.${signature}`,
      `${token}=`,
      token.slice(0, this.dice.roll(token.length)),
      token.toUpperCase(),
    ]);
  }

  #pickFrom(names: readonly string[]): string {
    return names[this.dice.roll(names.length)] ?? '';
  }
}
