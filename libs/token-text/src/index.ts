export { withoutInvisible } from './readable-text.js';
export {
  type FoundToken,
  holdsToken,
  isCallerToken,
  likeliestIssued,
  MAX_TEXT_LENGTH,
  tokenIdOf,
  tokensIn,
} from './tokens-in-text.js';
