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
import { Prng } from '../support/prng.js';
import { TokenMutations } from './token-mutations.js';

export interface Comparison {
  /** Number of tokens that both accept. */
  accepted: number;
  /** Number of tokens that the service rejects. */
  rejected: number;
  /** Tokens that the service accepts and jose rejects; there must be none. */
  readonly tooLenient: string[];
}

const SKEW_SECONDS = 60;
const COOLDOWN_SECONDS = 1;

/**
 * Compares the service's verification with jose's on random mutations of valid tokens.
 *
 * @param signedEvery of this many mutations, one is signed after the change
 */
export async function compareWithJose({
  count,
  seed,
  signedEvery = 10,
}: Record<'count' | 'seed', number> & { signedEvery?: number }): Promise<Comparison> {
  // The clock moves only while the service looks for a key, so that both verify at the same time.
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
      const verification = verifier.verify(parseJwt(token));
      await Promise.race([verification, untilSleeping(clock)]);
      // The service looks for an unknown key id again after the cooldown.
      if (clock.sleeping > 0) await clock.advance(COOLDOWN_SECONDS * 1_000);
      await verification;
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

  const mutations = new TokenMutations(issuer, new Prng(seed), signedEvery);
  const comparison: Comparison = { accepted: 0, rejected: 0, tooLenient: [] };
  for (let number = 0; number < count; number += 1) {
    const token = mutations.next();
    if (!(await isAcceptedByService(token))) comparison.rejected += 1;
    else if (await isAcceptedByJose(token)) comparison.accepted += 1;
    else comparison.tooLenient.push(token);
  }
  return comparison;
}

/** Resolves when something waits for the clock, or after ten iterations of the event loop. */
async function untilSleeping(clock: ManualClock): Promise<void> {
  for (let iteration = 0; iteration < 10 && clock.sleeping === 0; iteration += 1) {
    await new Promise(setImmediate);
  }
}
