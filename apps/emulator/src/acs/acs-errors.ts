import { azureError, HttpError } from '../http-error.js';

/** 400 for an invalid field. Code and message are those of the real service. */
export function invalid(message: string, target: string): HttpError {
  return new HttpError({ status: 400, body: azureError('ValidationError', message, target) });
}

export function requiredField(field: string): HttpError {
  return invalid(`${field}: The ${field} field is required.`, field);
}

/** 401 for a wrong key, a wrong HMAC or a missing role; the real service does not distinguish them. */
export function denied(): HttpError {
  const body = azureError('Denied', 'Denied by the resource provider.');
  return new HttpError({ status: 401, body });
}

export function identityNotOwned(): HttpError {
  const message = "Provided identity doesn't belong to the resource.";
  return new HttpError({ status: 401, body: azureError('IdentityNotOwned', message) });
}

export function invalidAccessToken(): HttpError {
  const message = 'Provided access token is not valid.';
  return new HttpError({ status: 401, body: azureError('InvalidAccessToken', message) });
}

/** An assumption: not recorded from the real service. */
export function identityNotFound(): HttpError {
  return new HttpError({
    status: 404,
    body: azureError('NotFound', 'Provided identity was not found.'),
  });
}

/** An assumption, as `identityNotFound`. */
export function assignmentNotFound(): HttpError {
  const body = azureError('NotFound', 'Provided assignment was not found.');
  return new HttpError({ status: 404, body });
}

/** 403 for a user without an assignment. Code and message are assumptions. */
export function forbidden(): HttpError {
  const body = azureError('Forbidden', 'The user has no access to the resource.');
  return new HttpError({ status: 403, body });
}

/** Code and message are assumptions: not recorded from the real service. */
export function tooManyRequests(retryAfterSeconds: number | undefined): HttpError {
  return new HttpError({
    status: 429,
    ...(retryAfterSeconds === undefined
      ? {}
      : { headers: { 'retry-after': String(retryAfterSeconds) } }),
    body: azureError('TooManyRequests', 'Rate limit is exceeded. Try again later.'),
  });
}

/** Code and message as in the Azure REST API guidelines. */
export function unsupportedApiVersion(
  given: string | null,
  supported: readonly string[],
): HttpError {
  if (given === null) {
    const message = 'The api-version query parameter (?api-version=) is required for all requests.';
    return new HttpError({ status: 400, body: azureError('MissingApiVersionParameter', message) });
  }
  const message = `Unsupported api-version '${given}'. The supported api-versions are '${supported.join(', ')}'.`;
  return new HttpError({ status: 400, body: azureError('UnsupportedApiVersionValue', message) });
}
