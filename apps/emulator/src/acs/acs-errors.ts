import { azureError, Refusal } from '../service-server.js';

/** 400 for a field, in the words of the real service. */
export function invalid(message: string, target: string): Refusal {
  return new Refusal({ status: 400, body: azureError('ValidationError', message, target) });
}

export function requiredField(field: string): Refusal {
  return invalid(`${field}: The ${field} field is required.`, field);
}

/** A bad key, a bad HMAC or a principal without the role: the service tells none of them apart. */
export function denied(): Refusal {
  const body = azureError('Denied', 'Denied by the resource provider.');
  return new Refusal({ status: 401, body });
}

export function identityNotOwned(): Refusal {
  const message = "Provided identity doesn't belong to the resource.";
  return new Refusal({ status: 401, body: azureError('IdentityNotOwned', message) });
}

export function invalidAccessToken(): Refusal {
  const message = 'Provided access token is not valid.';
  return new Refusal({ status: 401, body: azureError('InvalidAccessToken', message) });
}

/** Not recorded from the real service: an assumption. */
export function identityNotFound(): Refusal {
  return new Refusal({
    status: 404,
    body: azureError('NotFound', 'Provided identity was not found.'),
  });
}

/** Code and message are not recorded from the real service: an assumption. */
export function tooManyRequests(retryAfterSeconds: number | undefined): Refusal {
  return new Refusal({
    status: 429,
    ...(retryAfterSeconds === undefined
      ? {}
      : { headers: { 'retry-after': String(retryAfterSeconds) } }),
    body: azureError('TooManyRequests', 'Rate limit is exceeded. Try again later.'),
  });
}

/** Words of the Azure REST API guidelines. */
export function unsupportedApiVersion(given: string | null, supported: readonly string[]): Refusal {
  if (given === null) {
    const message = 'The api-version query parameter (?api-version=) is required for all requests.';
    return new Refusal({ status: 400, body: azureError('MissingApiVersionParameter', message) });
  }
  const message = `Unsupported api-version '${given}'. The supported api-versions are '${supported.join(', ')}'.`;
  return new Refusal({ status: 400, body: azureError('UnsupportedApiVersionValue', message) });
}
