export {
  holdsToken,
  isOfCaller,
  type TextToken,
  tokenIdOf,
  tokensIn,
  tokenToTrace,
} from './tokens-in-text.js';
