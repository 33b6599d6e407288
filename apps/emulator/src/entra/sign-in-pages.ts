import { createHash } from 'node:crypto';
import type { ServiceReply } from '../route.js';
import type { SamplePerson } from '../fixtures/seed-directory.js';

const STYLE = `
:root { color-scheme: light dark; --back: #f3f4f6; --card: #fff; --text: #1b1f24; --soft: #57606a;
  --line: #d0d7de; --accent: #0b5cad; --warn: #7a4100; --warn-back: #fff3df }
@media (prefers-color-scheme: dark) { :root { --back: #0e1116; --card: #171b21; --text: #e8ebef;
  --soft: #a3adb8; --line: #343c46; --accent: #7ab8ff; --warn: #ffd08a; --warn-back: #33260f } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  font: 1rem/1.5 system-ui, sans-serif; background: var(--back); color: var(--text) }
main { width: 100%; max-width: 28rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; padding: 1.5rem }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .75rem }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
.note { font-size: .875rem; color: var(--warn); background: var(--warn-back); border-radius: 8px;
  padding: .6rem .8rem }
ul { list-style: none; margin: 0; padding: 0 }
li + li { margin-top: .5rem }
button { display: flex; flex-wrap: wrap; column-gap: .75rem; align-items: baseline; width: 100%;
  justify-content: space-between; padding: .6rem .8rem; font: inherit; color: inherit; text-align: left;
  background: none; border: 1px solid var(--line); border-radius: 8px; cursor: pointer }
button:hover { border-color: var(--accent) }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
small { font-size: .875rem; color: var(--soft); overflow-wrap: anywhere }
button small:last-child { flex-basis: 100% }
`;

/** The pages have no script, so a form post needs one more click than in Entra. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    // An empty icon, so that browsers request none.
    'img-src data:',
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
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
        `${escape(person.displayName)} <small>${escape(person.jobTitle)}</small> ` +
        `<small>${escape(person.userPrincipalName)}</small></button></li>`
      );
    })
    .join('\n');
  return html(
    200,
    `<h1>Pick an account</h1>
<p class="note">This is an emulator of Microsoft Entra ID, for development. Choose a sample person; there are no passwords.</p>
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
  return {
    status,
    headers: HEADERS,
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in (emulator)</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>${STYLE}</style><body><main>${content}</main></body></html>`,
  };
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
