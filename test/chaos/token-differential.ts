import { compareWithJose } from '../security/differential.js';
import { finishCampaign, startCampaign } from './support/campaign.js';

const { count, seed } = startCampaign({
  name: 'token-differential',
  description: `Compares the verification of access tokens with jose's on random mutations of valid tokens.
Fails when the service accepts a token that jose rejects. The seed repeats the mutations; signing
keys are new in each run.`,
  count: { of: 'mutations', byDefault: 100_000 },
});
const { accepted, rejected, tooLenient } = await compareWithJose({ count, seed });
console.log(`accepted by both: ${accepted}, rejected: ${rejected}`);
const failures = tooLenient.map((token) => `the service accepts what jose rejects: ${token}`);
if (accepted === 0) failures.push('no mutation was accepted: nothing was compared');
process.exitCode = finishCampaign(accepted + rejected, failures);
