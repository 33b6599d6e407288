// Puts the folder /service of the image together from the built programs: node scripts/image-files.mjs <folder>
import { copyPrograms } from './program-files.mjs';

copyPrograms(['api', 'acs-identity'], process.argv[2]);
