import type { ServiceReply, ServiceRequest } from '../route.js';
import type { SampleApp } from '../fixtures/seed-directory.js';
import { requestedContexts } from './claims-request.js';
import {
  allApps,
  consentedScopes,
  findApp,
  isRedirectUri,
  parseScopes,
  peopleOf,
  type RequestedScopes,
  resolveTenant,
} from './directory.js';
import { describeEntraError, type EntraError, EntraHttpError } from './entra-errors.js';
import type { Grants } from './grants.js';
import { errorPage, formPostPage, peoplePage, signedOutPage } from './sign-in-pages.js';

type ResponseMode = 'query' | 'fragment' | 'form_post';

interface AuthorizationRequest {
  readonly tenantId: string | undefined;
  readonly client: SampleApp;
  readonly redirectUri: string;
  readonly responseMode: ResponseMode;
  readonly state: string | undefined;
  readonly parameters: URLSearchParams;
}

/** The authorization endpoint: the account picker, and the sign-in of the picked person. */
export class SignIn {
  constructor(private readonly grants: Grants) {}

  /** `GET …/authorize`: shows the account picker. */
  show(request: ServiceRequest, segment: string): ServiceReply {
    return withPages(() => {
      const authorization = readRequest(request.query, segment);
      return withRedirects(authorization, () => {
        const { parameters } = authorization;
        readWanted(authorization);
        if (parameters.get('prompt') === 'none') throw new EntraHttpError(LOGIN_REQUIRED);
        return peoplePage({
          people: peopleOf(authorization.tenantId),
          action: `/${segment}/login`,
          request: parameters.toString(),
          hint: parameters.get('login_hint') ?? undefined,
        });
      });
    });
  }

  /** `POST …/login`: redirects back with an authorization code for the picked person. */
  choose(request: ServiceRequest, segment: string): ServiceReply {
    return withPages(() => {
      const form = new URLSearchParams(request.body.toString());
      const authorization = readRequest(new URLSearchParams(form.get('request') ?? ''), segment);
      return withRedirects(authorization, () => {
        const name = form.get('person');
        const person = peopleOf(authorization.tenantId).find((known) => known.name === name);
        if (person === undefined) throw new EntraHttpError(UNKNOWN_PERSON);
        request.caller = person.objectId;
        const wanted = readWanted(authorization);
        consentedScopes(person, wanted);
        const challenge = authorization.parameters.get('code_challenge');
        const nonce = authorization.parameters.get('nonce');
        const code = this.grants.addCode({
          clientId: authorization.client.clientId,
          person,
          wanted,
          // The picked person does whatever the context asks of them.
          contexts: requestedContexts(authorization.parameters),
          redirectUri: authorization.redirectUri,
          isSpa: isRedirectUri(authorization.redirectUri, authorization.client.spaRedirectUris),
          ...(challenge === null ? {} : { codeChallenge: challenge }),
          ...(nonce === null ? {} : { nonce }),
        });
        return sendBack(authorization, { code });
      });
    });
  }
}

/**
 * The end session endpoint: no session exists, so it only sends the browser back, to a redirect URI of
 * the app or, without `client_id`, of any app (OpenID Connect RP-Initiated Logout, section 2).
 */
export function signOut({ query }: ServiceRequest, segment: string): ServiceReply {
  return withPages(() => {
    const clientId = query.get('client_id');
    const apps = clientId === null ? allApps() : [findApp(clientId, segment)];
    const redirectUri = query.get('post_logout_redirect_uri') ?? '';
    const allowed = apps.flatMap((app) => [...app.redirectUris, ...app.spaRedirectUris]);
    if (!isRedirectUri(redirectUri, allowed)) return signedOutPage();
    const url = new URL(redirectUri);
    const state = query.get('state');
    if (state !== null) url.searchParams.set('state', state);
    return { status: 302, headers: { location: url.href, 'cache-control': 'no-store' } };
  });
}

const LOGIN_REQUIRED: EntraError = {
  error: 'login_required',
  number: 50058,
  message: 'A silent sign-in request was sent but no user is signed in.',
};
const UNKNOWN_PERSON: EntraError = {
  error: 'access_denied',
  number: 50034,
  message: 'The user account does not exist in the directory.',
};

/** Validates client and redirect URI first: until then, errors must not be sent to the redirect URI. */
function readRequest(parameters: URLSearchParams, segment: string): AuthorizationRequest {
  const client = findApp(parameters.get('client_id') ?? '', segment);
  const redirectUri = parameters.get('redirect_uri') ?? '';
  const { redirectUris, spaRedirectUris } = client;
  if (!isRedirectUri(redirectUri, [...redirectUris, ...spaRedirectUris])) {
    throw new EntraHttpError({
      error: 'invalid_request',
      number: 50011,
      message: `The redirect URI '${redirectUri}' specified in the request does not match the redirect URIs configured for the application '${client.clientId}'.`,
    });
  }
  const mode = parameters.get('response_mode') ?? 'query';
  if (mode !== 'query' && mode !== 'fragment' && mode !== 'form_post') {
    throw new EntraHttpError({
      error: 'invalid_request',
      number: 90014,
      message: `The value '${mode}' of the parameter 'response_mode' is not supported.`,
    });
  }
  return {
    tenantId: resolveTenant(segment),
    client,
    redirectUri,
    responseMode: mode,
    state: parameters.get('state') ?? undefined,
    parameters,
  };
}

function readWanted({ parameters, client }: AuthorizationRequest): RequestedScopes {
  if (parameters.get('response_type') !== 'code') {
    throw new EntraHttpError({
      error: 'unsupported_response_type',
      number: 700054,
      message: "response_type other than 'code' is not enabled for the application.",
    });
  }
  const challenge = parameters.get('code_challenge');
  if (client.clientSecret === undefined && challenge === null) {
    throw new EntraHttpError({
      error: 'invalid_request',
      number: 9002325,
      message:
        'Proof Key for Code Exchange is required for cross-origin authorization code redemption.',
    });
  }
  if (challenge !== null && parameters.get('code_challenge_method') !== 'S256') {
    throw new EntraHttpError({
      error: 'invalid_request',
      number: 501491,
      message: "The code_challenge_method must be 'S256'.",
    });
  }
  return parseScopes(parameters.get('scope') ?? '');
}

function withRedirects(
  authorization: AuthorizationRequest,
  answer: () => ServiceReply,
): ServiceReply {
  try {
    return answer();
  } catch (error) {
    if (!(error instanceof EntraHttpError)) throw error;
    return sendBack(authorization, {
      error: error.reason.error,
      error_description: describeEntraError(error.reason),
    });
  }
}

function withPages(answer: () => ServiceReply): ServiceReply {
  try {
    return answer();
  } catch (error) {
    if (error instanceof EntraHttpError) return errorPage(describeEntraError(error.reason));
    throw error;
  }
}

function sendBack(
  authorization: AuthorizationRequest,
  result: Record<string, string>,
): ServiceReply {
  const answer = new URLSearchParams(result);
  if (authorization.state !== undefined) answer.set('state', authorization.state);
  if (authorization.responseMode === 'form_post')
    return formPostPage(authorization.redirectUri, answer);
  const url = new URL(authorization.redirectUri);
  if (authorization.responseMode === 'fragment') url.hash = answer.toString();
  else
    answer.forEach((value, name) => {
      url.searchParams.set(name, value);
    });
  return { status: 302, headers: { location: url.href, 'cache-control': 'no-store' } };
}
