export {
  holdsToken,
  isOfCaller,
  MAX_TEXT_LENGTH,
  type TextToken,
  tokenIdOf,
  tokensIn,
  tokenToTrace,
} from './tokens-in-text.js';
