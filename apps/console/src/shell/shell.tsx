import { Button } from '@fluentui/react-components';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { useSignedIn } from '../api/api-context.js';
import { PAGES, type PageDefinition } from '../pages/pages.js';
import { absolute, readRange, spanAt } from '../time/range.js';
import { UTC } from '../time/zone.js';
import { address, fragmentOf, go, useAddress } from './address.js';
import { copyText } from './copy.js';
import { useKeys } from './keys.js';
import { preferences, setPreferences } from './preferences.js';
import { useSaid } from './say.js';
import { SearchBox } from './search-box.js';
import { switchTheme, useIsDark } from './theme.js';
import { usePageFocus } from './use-page-focus.js';
import { usePageTitle } from './use-title.js';
import { switchZone, useZone } from './use-zone.js';
import { Waiting } from './waiting.js';

const Help = lazy(async () => import('./help.js'));

/** The frame of every page: search, zone, theme, who is signed in, and the navigation. */
export function Shell(): ReactNode {
  const { me, session } = useSignedIn();
  const { page } = useAddress();
  const zone = useZone();
  const isDark = useIsDark();
  const said = useSaid();
  const [isHelpOpen, setIsHelpOpen] = useState<boolean>();
  const pages = PAGES.filter(({ isFor }) => isFor(me));
  const shown = pages.find(({ path }) => path === page);
  usePageTitle(shown?.title ?? 'No page');
  usePageFocus(page);
  useKeys({
    '/': focusSearch,
    u: () => {
      switchZone(zone);
    },
    t: () => {
      switchTheme(isDark);
    },
    d: switchDensity,
    c: () => {
      copyText(linkTo(zone));
    },
    '?': () => {
      setIsHelpOpen(true);
    },
    ...Object.fromEntries(
      pages.map(({ key, path }) => [
        `g ${key}`,
        () => {
          go({ page: path });
        },
      ]),
    ),
  });
  return (
    <>
      <header className="top">
        <strong className="brand">acs-identity · Audit</strong>
        <SearchBox />
        <span className="top-buttons">
          <Button
            size="small"
            onClick={() => {
              switchZone(zone);
            }}
            title="Time zone of everything. Key: u"
          >
            {zone}
          </Button>
          <Button
            size="small"
            onClick={() => {
              switchTheme(isDark);
            }}
            title="Key: t"
          >
            {isDark ? 'Light' : 'Dark'}
          </Button>
          <Button
            size="small"
            onClick={() => {
              setIsHelpOpen(true);
            }}
            title="Keys"
            aria-label="Keys"
          >
            ?
          </Button>
          <span className="who">{me.displayName ?? me.subject}</span>
          <Button size="small" onClick={() => void session.signOut()}>
            Sign out
          </Button>
        </span>
      </header>
      <Navigation pages={pages} current={page} />
      {me.audit === 'tenant' && <p className="banner">entries of your tenant only</p>}
      <main tabIndex={-1}>
        <Suspense fallback={<Waiting what="Loading the page" />}>
          {shown ? <shown.component /> : <NotHere page={page} />}
          {isHelpOpen !== undefined && (
            <Help
              isOpen={isHelpOpen}
              pages={pages}
              onClose={() => {
                setIsHelpOpen(false);
              }}
            />
          )}
        </Suspense>
      </main>
      <div role="status" className={said === '' ? 'said is-empty' : 'said'}>
        {said}
      </div>
    </>
  );
}

function Navigation({
  pages,
  current,
}: {
  readonly pages: readonly PageDefinition[];
  readonly current: string;
}): ReactNode {
  return (
    <nav aria-label="Pages">
      {pages.map(({ path, title, key }) => (
        <a
          key={path}
          href={fragmentOf({ page: path })}
          aria-current={path === current ? 'page' : undefined}
          title={`Keys: g ${key}`}
          onClick={focusPage}
        >
          {title}
        </a>
      ))}
    </nav>
  );
}

function NotHere({ page }: { readonly page: string }): ReactNode {
  const { me } = useSignedIn();
  const isKnown = PAGES.some(({ path }) => path === page);
  if (me.audit === 'none')
    return (
      <section className="failure" role="alert">
        <strong>You may not read the audit log</strong>
        <p>
          {me.displayName ?? 'Your account'} lacks the permission AuditLog.Read.All. An
          administrator of your directory assigns it as an app role of this service.
        </p>
        <p>
          <a href={fragmentOf({ page: 'identities' })}>Identities</a> needs other permissions.
        </p>
      </section>
    );
  return (
    <section className="failure" role="alert">
      <strong>{isKnown ? `You may not open “${page}”` : `There is no page “${page}”`}</strong>
    </section>
  );
}

/**
 * The address of what is shown, for a colleague: with instants instead of “the last hour”, with the zone and
 * the columns, and without personal values.
 */
function linkTo(zone: string): string {
  const { page, id, parameters: current } = address();
  const parameters = new URLSearchParams(current);
  const range = page === 'search' || page === 'overview' ? readRange(current) : undefined;
  if (range) {
    const now = Date.now();
    const { from, to } = absolute(spanAt(range, now), now);
    parameters.delete('range');
    parameters.set('from', from);
    parameters.set('to', to);
  }
  parameters.set('tz', zone === UTC ? UTC : zone);
  if (page === 'search' && !parameters.has('columns'))
    parameters.set('columns', preferences().columns);
  return `${location.origin}/console/${fragmentOf({ page, id, parameters })}`;
}

/** A link that keeps the focus has the key Enter for itself. A page with a field of its own takes the focus then. */
function focusPage(): void {
  document.querySelector('main')?.focus();
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>('#search-box')?.focus();
}

function switchDensity(): void {
  setPreferences({ density: preferences().density === 'normal' ? 'compact' : 'normal' });
}
