import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { generatedDocuments } from './generated-documents.js';

/** `npm run documents`: writes the generated documents of `docs/`. */
for (const [path, text] of Object.entries(await generatedDocuments())) {
  await writeFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), text);
}
