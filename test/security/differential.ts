import { createLocalJWKSet, jwtVerify } from 'jose';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import {
  AUDIENCE,
  createTokenVerifiers,
  MemoryMetadataSource,
  parseJwt,
  publicJwk,
  settingsFrom,
  TestIssuer,
} from '#libs/authentication/testing';
import { TokenRejected } from '#libs/authentication';
import { Dice, TokenMutations } from './token-mutations.js';

export interface Comparison {
  /** Tokens that both accept. */
  accepted: number;
  refused: number;
  /** Tokens that the service accepts and jose does not. There must be none. */
  readonly tooLenient: string[];
}

const SKEW_SECONDS = 60;
const COOLDOWN_SECONDS = 1;

/**
 * Holds the service's verification against jose's over random mutations of good tokens.
 *
 * @param signedEvery one mutation in so many is signed anew
 */
export async function compareWithJose({
  count,
  seed,
  signedEvery = 10,
}: Record<'count' | 'seed', number> & { signedEvery?: number }): Promise<Comparison> {
  // The clock moves only while a key is looked for, so that both see the same instant.
  const clock = new ManualClock(Date.now());
  const source = new MemoryMetadataSource();
  const issuer = new TestIssuer(() => clock.now());
  issuer.publish(source);
  const settings = settingsFrom({
    AUTHENTICATION_CLOCK_SKEW_SECONDS: String(SKEW_SECONDS),
    AUTHENTICATION_KEYS_COOLDOWN_SECONDS: String(COOLDOWN_SECONDS),
  });
  const [verifier] = createTokenVerifiers(settings, { source, clock, logger: new MemoryLogger() });
  if (verifier === undefined) throw new Error('no verifier');

  const isAcceptedByService = async (token: string): Promise<boolean> => {
    try {
      const verdict = verifier.verify(parseJwt(token));
      await Promise.race([verdict, untilSleeping(clock)]);
      // An unknown key id is looked for once more after the cooldown.
      if (clock.sleeping > 0) await clock.advance(COOLDOWN_SECONDS * 1_000);
      await verdict;
      return true;
    } catch (error) {
      if (error instanceof TokenRejected) return false;
      throw error;
    }
  };
  const keys = createLocalJWKSet({
    keys: [{ ...publicJwk(issuer.current), kty: 'RSA' }],
  });
  const isAcceptedByJose = async (token: string): Promise<boolean> => {
    const rules = {
      algorithms: ['RS256'],
      issuer: issuer.issuer,
      audience: AUDIENCE,
      typ: 'JWT',
      requiredClaims: ['iat', 'nbf', 'exp'],
      clockTolerance: SKEW_SECONDS,
      currentDate: new Date(clock.now()),
    };
    return jwtVerify(token, keys, rules).then(
      () => true,
      () => false,
    );
  };

  const mutations = new TokenMutations(issuer, new Dice(seed), signedEvery);
  const comparison: Comparison = { accepted: 0, refused: 0, tooLenient: [] };
  for (let number = 0; number < count; number += 1) {
    const token = mutations.next();
    if (!(await isAcceptedByService(token))) comparison.refused += 1;
    else if (await isAcceptedByJose(token)) comparison.accepted += 1;
    else comparison.tooLenient.push(token);
  }
  return comparison;
}

/** Resolves when something waits for the clock, or after a few turns of the event loop. */
async function untilSleeping(clock: ManualClock): Promise<void> {
  for (let turns = 0; turns < 10 && clock.sleeping === 0; turns += 1)
    await new Promise(setImmediate);
}
