import type { ClientExchange } from '../access/client-exchange.js';
import type { TokenVerifier } from '../jwt/token-verifier.js';
import { BearerAuthenticator } from './bearer-authenticator.js';

/** Authenticates the callers of the exchanges that are enabled, by tokens for their APIs only. */
export class ClientExchangeAuthenticators {
  readonly #byExchange: ReadonlyMap<ClientExchange, BearerAuthenticator>;

  constructor(verifiers: ReadonlyMap<ClientExchange, readonly TokenVerifier[]>) {
    this.#byExchange = new Map(
      [...verifiers].map(([exchange, own]) => [exchange, new BearerAuthenticator(own)]),
    );
  }

  /** @throws Error when the exchange is not enabled: its routes must not exist then */
  of(exchange: ClientExchange): BearerAuthenticator {
    const authenticator = this.#byExchange.get(exchange);
    if (!authenticator) throw new Error(`the exchange ${exchange} is not enabled`);
    return authenticator;
  }
}
