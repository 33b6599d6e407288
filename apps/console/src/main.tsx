import { createRoot } from 'react-dom/client';
import { App, Frame } from './app.js';
import { loadConfig } from './config.js';
import { here, openAt } from './shell/address.js';
import { NoAnswer } from './shell/no-answer.js';
import { Session } from './sign-in/session.js';
import './style.css';

const place = document.getElementById('console');
if (!place) throw new Error('index.html has no element #console.');
const root = createRoot(place);
let attempts = 0;
await start();

async function start(): Promise<void> {
  attempts += 1;
  try {
    const config = await loadConfig();
    const returned = await Session.return(config.providers);
    const { fragment, personal } = returned?.place ?? here();
    openAt(fragment, personal);
    root.render(<App config={config} session={returned?.session} failure={returned?.failure} />);
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    root.render(
      <Frame key={attempts}>
        <NoAnswer error={error} onRetry={() => void start()} />
      </Frame>,
    );
  }
}
