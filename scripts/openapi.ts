import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createApi } from '../apps/api/src/create-api.js';
import { openApiDocument } from '../apps/api/src/operations/openapi-document.js';
import { placeholderEnvironment } from './placeholder-environment.js';

/** `npm run openapi`: writes docs/openapi.json anew. Nothing is connected to. */
const app = await createApi(placeholderEnvironment);
const file = fileURLToPath(new URL('../../docs/openapi.json', import.meta.url));
await writeFile(file, `${JSON.stringify(openApiDocument(app), null, 2)}\n`);
await app.close();
