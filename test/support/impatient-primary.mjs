// The service with workers, which are killed when they have been silent for three seconds rather than thirty.
import { runPrimary } from '../../dist/cluster/primary.js';
import { readSettings } from '../../dist/config/config.js';

await runPrimary(readSettings(), { silenceMs: 3000 });
