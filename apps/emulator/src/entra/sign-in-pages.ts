import type { ServiceReply } from '../route.js';
import type { SamplePerson } from '../fixtures/seed-directory.js';

/** The pages have no script, so a form post needs one more click than in Entra. */
const BASE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
};

/** The account picker. A click posts the name and the unchanged request to `action`. */
export function peoplePage(page: {
  readonly people: readonly SamplePerson[];
  readonly action: string;
  readonly request: string;
  readonly hint: string | undefined;
}): ServiceReply {
  const buttons = page.people
    .map((person) => {
      const focus = [person.name, person.userPrincipalName].includes(page.hint ?? '');
      return (
        `<li><button name="person" value="${escape(person.name)}"${focus ? ' autofocus' : ''}>` +
        `${escape(person.displayName)} <small>${escape(person.userPrincipalName)}</small>` +
        '</button></li>'
      );
    })
    .join('\n');
  return html(
    200,
    `<h1>Pick an account</h1>
<p>This is an emulator without passwords. Not for production.</p>
<form method="post" action="${escape(page.action)}">
<input type="hidden" name="request" value="${escape(page.request)}">
<ul>${buttons}</ul>
</form>`,
  );
}

/** The page for an error that is not sent to the redirect URI. */
export function errorPage(message: string): ServiceReply {
  return html(
    400,
    `<h1>Sorry, but we’re having trouble signing you in.</h1><p>${escape(message)}</p>`,
  );
}

/** The page after a sign-out without a registered redirect URI. */
export function signedOutPage(): ServiceReply {
  return html(200, '<h1>You signed out of your account</h1><p>You may close this window.</p>');
}

/** The response of `response_mode=form_post` (OAuth 2.0 Form Post Response Mode). */
export function formPostPage(redirectUri: string, answer: URLSearchParams): ServiceReply {
  const fields = [...answer]
    .map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`)
    .join('');
  return html(
    200,
    `<form method="post" action="${escape(redirectUri)}">${fields}<button>Continue</button></form>`,
  );
}

function html(status: number, content: string): ServiceReply {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'";
  return {
    status,
    headers: { ...BASE_HEADERS, 'content-security-policy': policy },
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in (emulator)</title>
<style>body{font:1rem/1.5 system-ui;max-width:32rem;margin:3rem auto;padding:0 1rem}
ul{list-style:none;padding:0}button{font:inherit;width:100%;text-align:left;margin:.2rem 0;padding:.6rem}
</style><body>${content}</body></html>`,
  };
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
