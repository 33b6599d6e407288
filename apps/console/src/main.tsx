import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import { loadConfig } from './config.js';
import { here, openAt } from './shell/address.js';
import { Session } from './sign-in/session.js';
import './style.css';

const place = document.getElementById('console');
if (!place) throw new Error('index.html has no element #console.');

try {
  const config = await loadConfig();
  const returned = await Session.return(config.providers);
  const { fragment, personal } = returned?.place ?? here();
  openAt(fragment, personal);
  createRoot(place).render(
    <App config={config} session={returned?.session} failure={returned?.failure} />,
  );
} catch (error) {
  place.textContent = error instanceof Error ? error.message : String(error);
}
