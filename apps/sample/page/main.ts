import { loadConfig } from './config.js';
import { Entra } from './entra.js';
import { type Failure, failureOf } from './failure.js';
import { TokenSession } from './token-session.js';
import { clockTime, duration, element, setFacts, setShown } from './view.js';

const MAX_EVENTS = 20;
const SHOWN_CHARACTERS = 24;

let shownFailure: Failure | undefined;

await start().catch((error: unknown) => {
  showFailure(failureOf(error), () => {
    location.reload();
  });
});

async function start(): Promise<void> {
  const config = await loadConfig();
  const entra = new Entra(config);
  const signIn = (): void => void entra.signIn().catch(failSignIn);
  const failSignIn = (error: unknown): void => {
    showFailure({ ...failureOf(error), remedy: 'sign-in' }, signIn);
  };
  element('sign-in').onclick = signIn;
  await entra.start().catch(failSignIn);

  const { account } = entra;
  setShown('welcome', account === undefined);
  setShown('note', config.note !== undefined);
  element('note').textContent = config.note ?? '';
  if (account === undefined) return;
  element('name').textContent = account.name ?? account.username;
  element('user-name').textContent = account.username;
  for (const id of ['account', 'session', 'history']) setShown(id, true);
  runSession(config.apiUrl, entra, signIn);
}

function runSession(apiUrl: string, entra: Entra, signIn: () => void): void {
  const session = new TokenSession(
    { apiUrl, getAccessToken: async (request) => entra.getAccessToken(request) },
    (event) => {
      if (event !== undefined) addEvent(event);
      render();
    },
  );
  let isTokenShown = false;
  const request = (): void => void session.request();
  const stop = (): void => {
    session.stop();
  };

  function render(): void {
    renderStatus(session);
    renderToken(session, isTokenShown);
    const { pause, failure } = session;
    if (pause) showFailure(pause.failure, stop, 'Stop waiting');
    else if (failure) showFailure(failure, failure.remedy === 'sign-in' ? signIn : request);
    else hideFailure();
    renderPause(session);
  }

  element('refresh').onclick = request;
  element('show').onclick = () => {
    isTokenShown = !isTokenShown;
    render();
  };
  element('copy').onclick = () => {
    void navigator.clipboard.writeText(session.token?.token ?? '').then(
      () => {
        addEvent('Token copied');
      },
      (error: unknown) => {
        addEvent(`The browser did not copy the token: ${String(error)}`);
      },
    );
  };
  let mayRevoke = true;
  element('sign-out').onclick = async () => {
    if (mayRevoke && !(await session.revoke())) {
      mayRevoke = false;
      element('sign-out').textContent = 'Sign out anyway';
      return;
    }
    await entra.signOut();
  };
  setInterval(() => {
    void session.renewIfDue();
    render();
  }, 1000);
  request();
}

function renderStatus({ token, failure, isRequesting, pause }: TokenSession): void {
  const isValid = token !== undefined && Date.now() < Date.parse(token.expiresOn);
  const status = element('status');
  const [text, kind] = pause
    ? ['Waiting', '']
    : isRequesting
      ? ['Requesting …', '']
      : isValid
        ? ['Valid', 'is-good']
        : [token ? 'Expired' : 'No token', 'is-bad'];
  // Only a change is read aloud.
  if (status.textContent !== text) status.textContent = text;
  status.className = `status ${kind}`;
  element('refresh').disabled = isRequesting || (failure?.repeatAt ?? 0) > Date.now();
}

function renderToken({ token, renewAt }: TokenSession, isShown: boolean): void {
  setShown('token-facts', token !== undefined);
  if (!token || renewAt === undefined) return;
  const expiresAt = Date.parse(token.expiresOn);
  const left = expiresAt - Date.now();
  const expiry = clockTime(expiresAt);
  element('expiry').textContent = left > 0 ? `${expiry}, in ${duration(left)}` : expiry;
  element('renewal').textContent = `automatic, at ${clockTime(renewAt)}`;
  element('identity').textContent = token.identity.communicationUserId;
  element('scopes').textContent = token.scopes.join(', ');
  element('audit-entry').textContent = `number ${token.auditEntry.index} of the log`;
  element('token').textContent = isShown
    ? token.token
    : `${token.token.slice(0, SHOWN_CHARACTERS)}…`;
  element('show').textContent = isShown ? 'Hide' : 'Show';
  element('show').setAttribute('aria-expanded', String(isShown));
}

function renderPause({ pause, failure }: TokenSession): void {
  const endAt = pause?.endAt ?? failure?.repeatAt;
  setShown('pause', endAt !== undefined);
  element('failure').classList.toggle('is-waiting', endAt !== undefined);
  if (endAt === undefined) return;
  const left = Math.max(0, endAt - Date.now());
  element('pause-time').textContent = left > 0 ? `Again in ${duration(left)}` : 'Again now …';
  setShown('pause-progress', pause !== undefined);
  if (!pause) return;
  element('pause-progress').value = 1 - left / (pause.endAt - pause.startAt);
}

/** @param label of the button; by default what the failure's remedy is called */
function showFailure(failure: Failure, act: () => void, label?: string): void {
  const { title, detail, facts, remedy, repeatAt } = failure;
  const button = element('failure-action');
  button.textContent = label ?? (remedy === 'sign-in' ? 'Sign in again' : 'Try again');
  button.onclick = act;
  setShown('failure-action', label !== undefined || (remedy !== undefined && !repeatAt));
  if (failure === shownFailure) return;
  // Written once, so that it is read aloud once.
  shownFailure = failure;
  setShown('failure', true);
  element('failure-title').textContent = title;
  element('failure-detail').textContent = detail;
  setFacts('failure-facts', facts);
  element('failure').scrollIntoView({ block: 'nearest' });
}

function hideFailure(): void {
  shownFailure = undefined;
  setShown('failure', false);
}

function addEvent(text: string): void {
  const item = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = clockTime(Date.now());
  item.append(time, text);
  const events = element('events');
  events.prepend(item);
  while (events.children.length > MAX_EVENTS) events.lastElementChild?.remove();
}
