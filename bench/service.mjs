import { fileURLToPath } from 'node:url';
import { startServer } from './server-process.mjs';
import { defaults } from './settings.mjs';

const script = fileURLToPath(new URL('../dist/server.js', import.meta.url));

/**
 * Starts Gatehouse as it ships: production, default settings, one log line a request into a file. Rate limits are
 * off, since all the load comes from one address; the delay before it closes has nothing to do with its speed.
 */
export function startService({ folder, databaseUrl, secrets, engine = 'auto' }) {
  return startServer({
    script,
    name: `gatehouse-${engine}`,
    folder,
    probe: '/readyz',
    env: {
      ...secrets,
      DATABASE_URL: databaseUrl,
      LOG_LEVEL: 'info',
      BCRYPT_COST: String(defaults.bcryptCost),
      PASSWORD_HASH_ENGINE: engine,
      RATE_LIMIT: 'off',
      SHUTDOWN_DELAY_MS: '0',
    },
  });
}
