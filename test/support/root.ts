import { fileURLToPath } from 'node:url';

/** Path of the repository, with a slash at its end; built files are one folder deeper, in `dist`. */
export const repositoryRoot = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../../../' : '../../', import.meta.url),
);
