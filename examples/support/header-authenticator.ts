import { Authenticator, isPermission, TokenRejected, type HttpRequest } from '#libs/authentication';
import { canonicalName, type Principal } from '#libs/platform';

/**
 * Takes the caller's word for who it is, as `x-caller: <subject> <permission>…`. For examples only: it
 * shows the shape of an `Authenticator` and verifies nothing.
 */
export class HeaderAuthenticator extends Authenticator {
  override async authenticate(request: HttpRequest): Promise<Principal> {
    const { 'x-caller': header } = request.headers;
    if (typeof header !== 'string') throw new TokenRejected('no-credentials');
    const [subject = '', ...names] = header.split(' ');
    return Promise.resolve({
      kind: 'user',
      issuer: 'https://login.example',
      tenant: canonicalName('00000000-0000-4000-8000-000000000001'),
      subject: canonicalName(subject),
      clientApp: canonicalName('00000000-0000-4000-8000-00000000000a'),
      permissions: names.filter(isPermission),
      isGuest: false,
    });
  }
}
