import { say } from './say.js';

export function copyText(text: string): void {
  navigator.clipboard.writeText(text).then(
    () => {
      say('Copied');
    },
    () => {
      say('The browser did not allow to copy');
    },
  );
}
